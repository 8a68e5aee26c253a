"""Weighing: what a network costs as a file on this host before it is trained, for training does not change it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.recipe import Recipe
from tasks.artifacts import Prepared, Store

if TYPE_CHECKING:
    from torch import nn

UNFIT = -1e6
"""The score of a network that keeps the goal's limits only just not: below every score that a metric gives."""


def is_weighed(recipe: Recipe) -> bool:
    """Whether trials must know what their networks cost."""
    limits = recipe.goal.limits
    return bool(recipe.search and (recipe.search.minimize or limits.bytes or limits.latency_ms))


def is_timed(recipe: Recipe) -> bool:
    """Whether a latency counts in trials, which is another on another host."""
    return bool(recipe.search and (recipe.search.minimize == "latency" or recipe.goal.limits.latency_ms))


def weigh(
    network: nn.Module, recipe: Recipe, prepared: Prepared, fitted: dict[str, Any], store: Store, folder: Path
) -> dict[str, float]:
    """The bytes of the network's file and its median milliseconds on the runtime that the recipe names."""
    from tasks import evaluation, exporting, preprocessing
    from tasks.kernels import latency

    path, runtime = folder / "untrained.onnx", recipe.runtime
    path.write_bytes(exporting.serialize(network.cpu().eval(), prepared.dataset, fitted, prepared.input_shape))
    inputs = preprocessing.product_inputs(prepared.dataset, "validation", store)
    batch = evaluation.first_batch(inputs, runtime.batch)
    times = latency.time_models(
        {"": path}, batch, runtime.threads, runtime.provider, runtime.processes, evaluation.SECONDS
    )
    milliseconds = latency.compare(times.processes, "")[""].median_ms
    return {"bytes": float(path.stat().st_size), "latency_ms": milliseconds}
