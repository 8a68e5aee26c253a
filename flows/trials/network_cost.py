"""Network cost: bytes and latency of a network's file, measured before training, which does not change them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.recipe.schema import Recipe
from tasks.core import Prepared, Store

if TYPE_CHECKING:
    from torch import nn

UNFIT = -1e6
"""Upper end of the scores of networks that exceed the goal's limits: below every score of a metric."""


def needs_cost(recipe: Recipe) -> bool:
    """Whether the recipe's search must measure its networks: it minimizes a cost, or the goal limits one."""
    limits = recipe.goal.limits
    return bool(recipe.search and (recipe.search.minimize or limits.bytes or limits.latency_ms))


def needs_latency(recipe: Recipe) -> bool:
    """Whether the recipe's search uses latencies, so that its scores hold for one host only."""
    return bool(recipe.search and (recipe.search.minimize == "latency" or recipe.goal.limits.latency_ms))


def measure_cost(
    network: nn.Module, recipe: Recipe, prepared: Prepared, fitted: dict[str, Any], store: Store, folder: Path
) -> dict[str, float]:
    """Exports an untrained network and measures its file under the recipe's runtime, in its first engine.

    Moves the network to the CPU and into evaluation mode.

    Args:
        fitted: the fitted preprocessing, which is part of the file.
        store: holds the validation inputs on which the file is timed.
        folder: where the file `untrained.onnx` is written.

    Returns:
        `bytes` of the file and `latency_ms`, the median milliseconds of one call.
    """
    from tasks.conversion import onnx_export
    from tasks.data import input_layout
    from tasks.evaluation import latencies
    from tasks.evaluation.engines import timing_runtime
    from tasks.kernels.engines.runtime_record import with_record
    from tasks.kernels.latency import benchmark

    path, runtime = folder / "untrained.onnx", recipe.runtime
    file = onnx_export.serialize_network(network.cpu().eval(), prepared.dataset, fitted, prepared.input_shape)
    path.write_bytes(with_record(file, timing_runtime(runtime)))
    inputs = input_layout.product_inputs(prepared, "validation", store)
    batch = latencies.first_batch(inputs, runtime.batch)
    times = benchmark.time_models(
        {"": path}, batch, runtime.threads, runtime.provider, runtime.processes, latencies.SECONDS
    )
    milliseconds = benchmark.compare_latencies(times.processes, "")[""].median_ms
    return {"bytes": float(path.stat().st_size), "latency_ms": milliseconds}
