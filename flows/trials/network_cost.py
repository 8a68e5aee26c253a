"""Weighing: what a network costs as a file on this host before it is trained, for training does not change it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.recipe.schema import Recipe
from tasks.core import Prepared, Store

if TYPE_CHECKING:
    from torch import nn

UNFIT = -1e6
"""The score of a network that keeps the goal's limits only just not: below every score that a metric gives."""


def needs_cost(recipe: Recipe) -> bool:
    """Whether trials must know what their networks cost."""
    limits = recipe.goal.limits
    return bool(recipe.search and (recipe.search.minimize or limits.bytes or limits.latency_ms))


def needs_latency(recipe: Recipe) -> bool:
    """Whether a latency counts in trials, which is another on another host."""
    return bool(recipe.search and (recipe.search.minimize == "latency" or recipe.goal.limits.latency_ms))


def measure_cost(
    network: nn.Module, recipe: Recipe, prepared: Prepared, fitted: dict[str, Any], store: Store, folder: Path
) -> dict[str, float]:
    """The bytes of the network's file and its median milliseconds on the runtime that the recipe names."""
    from tasks.conversion import onnx_export
    from tasks.data import preprocessing
    from tasks.evaluation import evaluate
    from tasks.kernels.latency import benchmark

    path, runtime = folder / "untrained.onnx", recipe.runtime
    path.write_bytes(
        onnx_export.serialize_network(network.cpu().eval(), prepared.dataset, fitted, prepared.input_shape)
    )
    inputs = preprocessing.product_inputs(prepared.dataset, "validation", store)
    batch = evaluate.first_batch(inputs, runtime.batch)
    times = benchmark.time_models(
        {"": path}, batch, runtime.threads, runtime.provider, runtime.processes, evaluate.SECONDS
    )
    milliseconds = benchmark.compare_latencies(times.processes, "")[""].median_ms
    return {"bytes": float(path.stat().st_size), "latency_ms": milliseconds}
