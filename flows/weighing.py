"""Weighing: what a network costs as a file on this host before it is trained, for training does not change it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flows.recipe import Recipe
from tasks.artifacts import Limits, Prepared, Store
from tasks.spaces import Point
from tasks.tuning import Trial, best_point

if TYPE_CHECKING:
    from torch import nn

COSTS = {"latency": "latency_ms", "bytes": "bytes"}
"""What a search minimizes → the name of the number."""
UNFIT = -1e6
"""The score of a network that keeps the goal's limits only just not: below every score that a metric gives."""


def is_weighed(recipe: Recipe) -> bool:
    """Whether trials must know what their networks cost."""
    limits = recipe.goal.limits
    return bool(recipe.search and (recipe.search.minimize or limits.bytes or limits.latency_ms))


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


def excess(measured: dict[str, float], limits: Limits) -> float:
    """How far the limits are exceeded, each as a share of itself; 0 keeps them."""
    pairs = [(measured["bytes"], limits.bytes), (measured["latency_ms"], limits.latency_ms)]
    return sum(max(0.0, value / bound - 1) for value, bound in pairs if bound)


def best_of(trials: Sequence[Trial], minimize: Literal["latency", "bytes"] | None, margin: float) -> Point:
    """The best point; with something to minimize, of those within the margin of the best score the one with the
    least of it.
    """
    if minimize is None:
        return best_point(trials)
    weighed = [trial for trial in trials if trial.score is not None and COSTS[minimize] in trial.measured]
    best = max((trial.score or 0.0 for trial in weighed), default=0.0)
    good = [trial for trial in weighed if (trial.score or 0.0) >= best - margin]
    return min(good, key=lambda trial: trial.measured[COSTS[minimize]]).point if good else best_point(trials)
