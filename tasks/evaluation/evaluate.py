"""Evaluation: what exported files are worth, against the baseline's on the same examples and this host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tasks.core import Drop, Estimate, Goal, InputError, Latency, Parity, Refusal, Runtime, Scorecard, Size, SplitName
from tasks.evaluation import scoring

if TYPE_CHECKING:
    import numpy as np

Progress = Callable[[float, str], None]
"""Hears the share that is done (0..1), and what was done last."""
SECONDS = 1.0
"""Timing of one product in each process."""


@dataclass(frozen=True)
class Product:
    """An exported file to be judged."""

    candidate: str
    """The candidate's digest."""
    name: str
    path: Path
    parity: tuple[Parity, ...]
    """The hops that its form has been through."""


def evaluate(
    products: Mapping[str, Product],
    baseline: str,
    inputs: Mapping[str, np.ndarray],
    targets: np.ndarray,
    goal: Goal,
    runtime: Runtime,
    split: SplitName,
    on_progress: Progress | None = None,
    timing: Mapping[str, Latency] | None = None,
    known: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> dict[str, Scorecard]:
    """Scorecards by candidate digest, for all products on the whole split, in ONNX Runtime on this host.

    Args:
        products: by candidate digest; `baseline` is one of the keys.
        inputs: raw inputs by name, first axis the examples.
        targets: class indices or numbers (n,), in the same order.
        timing: latencies that were measured before; None measures them, all products interleaved.
        known: outputs of products that ran on all of `inputs` before.

    Raises:
        InputError: the provider is not there, or the metric is not defined on the split's targets.
        Refusal: a product's outputs are not finite; the sentence names it.
    """
    check_provider(runtime)
    tell = on_progress or (lambda share, what: None)
    outputs = {}
    for done, (digest, product) in enumerate(products.items(), start=1):
        outputs[digest] = known[digest] if digest in known else run_product(product, inputs, runtime)
        tell(0.4 * done / len(products), f"ran {product.name} on {len(targets)} examples")
    quality = scoring.score_products(outputs, baseline, targets, goal)
    latency = timing or measure_latency(products, baseline, inputs, runtime, tell)
    sizes = {digest: measure_size(product, inputs, runtime) for digest, product in products.items()}
    tell(1.0, f"scored {len(products)} products")
    return {
        digest: _card(product, split, goal, runtime, *quality[digest], latency[digest], sizes[digest], sizes[baseline])
        for digest, product in products.items()
    }


def _card(
    product: Product,
    split: SplitName,
    goal: Goal,
    runtime: Runtime,
    estimate: Estimate,
    drop: Drop,
    latency: Latency,
    size: Size,
    baseline_size: Size,
) -> Scorecard:
    from tasks.kernels.host.machine import host_name

    return Scorecard(
        candidate=product.candidate,
        name=product.name,
        split=split,
        host=host_name(),
        metric=goal.metric,
        score=estimate,
        drop=drop,
        latency=latency,
        throughput=1000 * runtime.batch / latency.median_ms,
        size=size,
        size_ratio=baseline_size.bytes / size.bytes,
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
    on_progress: Progress | None = None,
) -> dict[str, Latency]:
    """Latencies by candidate digest, a batch each call, all products in turns in each of the processes."""
    from tasks.kernels.latency import benchmark

    def tell(done: int) -> None:
        if on_progress is not None:
            on_progress(0.4 + 0.5 * done / runtime.processes, f"timed in process {done} of {runtime.processes}")

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
