"""Evaluation: what exported files are worth, against the baseline's on the same examples and this host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tasks.core import (
    Drop,
    Estimate,
    Goal,
    InputError,
    Latency,
    Parity,
    Progress,
    Refusal,
    Runtime,
    Scorecard,
    Size,
    SplitName,
    Update,
    silent,
)
from tasks.evaluation import scoring

if TYPE_CHECKING:
    import numpy as np

SECONDS = 1.0
"""Timing of one product in each process."""


@dataclass(frozen=True)
class Product:
    """An exported file to be evaluated."""

    candidate: str
    """The candidate's digest."""
    name: str
    path: Path
    parity: tuple[Parity, ...]
    """The hops that its form has been through."""


@dataclass(frozen=True)
class Examples:
    """A split as products take it."""

    inputs: Mapping[str, np.ndarray]
    """Raw inputs by name, first axis the examples."""
    targets: np.ndarray
    """Class indices or numbers (n,), in the same order."""


@dataclass(frozen=True)
class EvaluationSpec:
    """What products are judged by."""

    goal: Goal
    runtime: Runtime
    split: SplitName


def evaluate(
    products: Mapping[str, Product],
    baseline: str,
    examples: Examples,
    spec: EvaluationSpec,
    *,
    timing: Mapping[str, Latency] | None = None,
    known: Mapping[str, np.ndarray] = MappingProxyType({}),
    progress: Progress = silent,
) -> dict[str, Scorecard]:
    """Scorecards by candidate digest, for all products on the whole split, in ONNX Runtime on this host.

    Args:
        products: by candidate digest; `baseline` is one of the keys.
        examples: the split that `spec` names.
        timing: latencies that were measured before; None measures them, all products interleaved.
        known: outputs of products that ran on all of the examples before.

    Raises:
        InputError: the provider is not there, or the metric is not defined on the split's targets.
        Refusal: a product's outputs are not finite; the sentence names it.
    """
    check_provider(spec.runtime)
    inputs, targets = examples.inputs, examples.targets
    outputs = {}
    for done, (digest, product) in enumerate(products.items(), start=1):
        outputs[digest] = known[digest] if digest in known else run_product(product, inputs, spec.runtime)
        progress(_share(0.4 * done / len(products), f"ran {product.name} on {len(targets)} examples"))
    quality = scoring.score_products(outputs, baseline, targets, spec.goal)
    latency = timing or measure_latency(products, baseline, inputs, spec.runtime, progress)
    sizes = {digest: measure_size(product, inputs, spec.runtime) for digest, product in products.items()}
    progress(_share(1.0, f"scored {len(products)} products"))
    return {
        digest: _card(product, spec, quality[digest], latency[digest], sizes[digest], sizes[baseline].bytes)
        for digest, product in products.items()
    }


def _share(done: float, what: str) -> Update:
    return Update(round(100 * done), 100, what)


def _card(
    product: Product,
    spec: EvaluationSpec,
    quality: tuple[Estimate, Drop],
    latency: Latency,
    size: Size,
    baseline_bytes: int,
) -> Scorecard:
    from tasks.kernels.host.machine import host_name

    estimate, drop = quality
    return Scorecard(
        candidate=product.candidate,
        name=product.name,
        split=spec.split,
        host=host_name(),
        metric=spec.goal.metric,
        score=estimate,
        drop=drop,
        latency=latency,
        throughput=1000 * spec.runtime.batch / latency.median_ms,
        size=size,
        size_ratio=baseline_bytes / size.bytes,
        parity=product.parity,
    )


def check_provider(runtime: Runtime) -> None:
    """Raises InputError when the installed ONNX Runtime does not have the execution provider."""
    from tasks.kernels.onnx import sessions

    if not sessions.available(runtime.provider):
        law = "must be an execution provider of the installed ONNX Runtime"
        raise InputError(law, path="runtime.provider", value=runtime.provider, nearest="cpu")


def run_product(product: Product, inputs: Mapping[str, np.ndarray], runtime: Runtime) -> np.ndarray:
    """The product's outputs for every example. Raises Refusal when they are not finite numbers."""
    import numpy as np

    from tasks.kernels.onnx import sessions

    outputs = sessions.predict(product.path, inputs, threads=runtime.threads, provider=runtime.provider)
    if not np.isfinite(outputs).all():
        raise Refusal(f"{product.name}: some outputs are not finite numbers")
    return outputs


def measure_latency(
    products: Mapping[str, Product],
    baseline: str,
    inputs: Mapping[str, np.ndarray],
    runtime: Runtime,
    progress: Progress = silent,
) -> dict[str, Latency]:
    """Latencies by candidate digest, a batch each call, all products in turns in each of the processes."""
    from tasks.kernels.latency import benchmark

    def tell(done: int) -> None:
        share = 0.4 + 0.5 * done / runtime.processes
        progress(_share(share, f"timed in process {done} of {runtime.processes}"))

    times = benchmark.time_models(
        {digest: product.path for digest, product in products.items()},
        first_batch(inputs, runtime.batch),
        runtime.threads,
        runtime.provider,
        runtime.processes,
        SECONDS * len(products),
        tell,
    )
    return {
        digest: Latency(
            speed.median_ms,
            speed.p95_ms,
            speed.calls,
            speed.processes,
            Estimate(speed.ratio, speed.low, speed.high, speed.processes),
            speed.verdict,
            times.quiet,
        )
        for digest, speed in benchmark.compare_latencies(times.processes, baseline).items()
    }


def measure_size(product: Product, inputs: Mapping[str, np.ndarray], runtime: Runtime) -> Size:
    """What the file weighs and computes, and the memory that one batch takes."""
    from tasks.kernels.latency import benchmark
    from tasks.kernels.onnx import description

    found = description.describe(product.path)
    batch = first_batch(inputs, runtime.batch)
    peak = benchmark.peak_memory(product.path, batch, runtime.threads, runtime.provider)
    return Size(found.bytes, found.parameters, found.nonzeros, found.macs, peak)


def first_batch(inputs: Mapping[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """The first `count` examples; a shorter split begins again."""
    import numpy as np

    return {name: np.asarray(array[np.arange(count) % len(array)]) for name, array in inputs.items()}
