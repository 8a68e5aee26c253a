"""Evaluate: measures exported files, compared with the baseline's on the same examples and this host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tasks.core import (
    Drop,
    Estimate,
    Goal,
    InputError,
    Latency,
    MetricSpec,
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
from tasks.evaluation import parity, scoring
from tasks.evaluation.groups import Group, score_groups
from tasks.evaluation.metric_choice import metric_of
from tasks.evaluation.references import MODEL, compare_references

if TYPE_CHECKING:
    import numpy as np

SECONDS = 1.0
"""Seconds for which one product is timed in each process."""
BATCH = 256
"""Examples that are run at once where the size of a batch does not matter."""


@dataclass(frozen=True)
class Product:
    """An exported file to be evaluated."""

    candidate: str
    """The candidate's digest."""
    name: str
    path: Path
    parity: tuple[Parity, ...]
    """The parity of every conversion (hop) of the file."""


@dataclass(frozen=True)
class EvaluationData:
    """The raw inputs and the targets of a split."""

    inputs: Mapping[str, np.ndarray]
    """Input name → array: `image` (n, height, width, channels), or (n, 1) for each column."""
    targets: np.ndarray
    """Class indices or numbers, (n,)."""
    references: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Simpler answers beside which the baseline is judged, as in `references.compare_references`."""
    reference_thresholds: Mapping[str, float] = field(default_factory=dict)
    """Of an operating point: the thresholds of `references`, chosen on other examples."""
    groups: tuple[Group, ...] = ()
    """The groups of examples on which every product is scored too."""


@dataclass(frozen=True)
class EvaluationSpec:
    """The settings of an evaluation."""

    goal: Goal
    runtime: Runtime
    split: SplitName
    metric: MetricSpec
    """The goal's metric on these data."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Of an operating point: by candidate digest, as validation chose them; empty where they are chosen here."""


def evaluate(
    products: Mapping[str, Product],
    baseline: str,
    examples: EvaluationData,
    spec: EvaluationSpec,
    *,
    timing: Mapping[str, Latency] | None = None,
    known: Mapping[str, np.ndarray] = MappingProxyType({}),
    progress: Progress = silent,
) -> dict[str, Scorecard]:
    """Measures all products on the whole split, with ONNX Runtime on this host.

    Args:
        products: the products by candidate digest.
        baseline: digest of the product with which the others are compared; a key of `products`.
        examples: the split that `spec` names.
        spec: the goal, the runtime, the split and the metric.
        timing: latencies by digest, if they were measured before; None measures them, all products interleaved.
        known: outputs by digest, (n, outputs), of products that have been run on all of these examples before.
        progress: called with updates in per cent.

    Returns:
        The scorecards by candidate digest.

    Raises:
        InputError: the execution provider is not installed, or the metric is not defined on the split's targets.
        Refusal: a product's outputs are not finite; the message names it.
    """
    check_provider(spec.runtime)
    inputs, targets = examples.inputs, examples.targets
    outputs, hops = dict(known), dict[str, tuple[Parity, ...]]()
    for done, (digest, product) in enumerate(products.items(), start=1):
        hops[digest] = product.parity
        if digest not in known:
            outputs[digest], hop = run_product(product, inputs, spec.runtime)
            hops[digest] += (hop,)
        progress(_share(0.4 * done / len(products), f"ran {product.name} on {len(targets)} examples"))
    metric, margin = metric_of(spec.metric), spec.goal.max_drop
    quality = scoring.score_products(outputs, baseline, targets, metric, margin, spec.thresholds)
    thresholds = spec.thresholds or scoring.choose_thresholds(outputs, targets, metric)
    own = {MODEL: thresholds[baseline]} if examples.reference_thresholds else {}
    fixed = {**examples.reference_thresholds, **own}
    judged = compare_references(outputs[baseline], targets, examples.references, metric, margin, fixed)
    groups = score_groups(outputs, baseline, targets, examples.groups, spec.goal, metric, thresholds)
    latency = timing or measure_latency(products, baseline, inputs, spec.runtime, progress)
    sizes = {digest: measure_size(product, inputs, spec.runtime) for digest, product in products.items()}
    progress(_share(1.0, f"scored {len(products)} products"))
    return {
        digest: replace(
            _card(
                replace(product, parity=hops[digest]),
                spec,
                quality[digest],
                latency[digest],
                sizes[digest],
                sizes[baseline].bytes,
            ),
            title=metric.title,
            threshold=thresholds.get(digest),
            reached=scoring.share_kept(outputs[digest], targets, metric, thresholds.get(digest)),
            references=judged if digest == baseline else (),
            groups=groups[digest],
        )
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
        metric=spec.metric.name,
        score=estimate,
        drop=drop,
        latency=latency,
        throughput=1000 * spec.runtime.batch / latency.median_ms,
        size=size,
        size_ratio=baseline_bytes / size.bytes,
        parity=product.parity,
    )


def check_provider(runtime: Runtime) -> None:
    """Checks that the installed ONNX Runtime has the execution provider. Raises InputError if not."""
    from tasks.kernels.onnx import sessions

    if not sessions.available(runtime.provider):
        law = "must be an execution provider of the installed ONNX Runtime"
        raise InputError(law, path="runtime.provider", value=runtime.provider, nearest="cpu")


def run_product(product: Product, inputs: Mapping[str, np.ndarray], runtime: Runtime) -> tuple[np.ndarray, Parity]:
    """The product's outputs and the hop of its batches, as `run_file` gives them.

    Raises:
        Refusal: an output is not finite; the message names the product.
    """
    import numpy as np

    outputs, hop = run_file(product.path, inputs, runtime)
    if not np.isfinite(outputs).all():
        raise Refusal(f"{product.name}: some outputs are not finite numbers")
    return outputs, hop


def run_file(file: Path, inputs: Mapping[str, np.ndarray], runtime: Runtime) -> tuple[np.ndarray, Parity]:
    """A file's measured output for every example, (n, outputs), as it is in batches of `runtime.batch`.

    Larger batches are run unless they change the answers, as the scales of dynamic quantization do.

    Returns:
        The outputs, and the parity of the hop between the two sizes of batches.
    """
    from tasks.kernels.onnx import sessions

    hop = parity.compare_batches(file, inputs, runtime)
    batch = BATCH if hop.passed else runtime.batch
    outputs = sessions.predict(file, inputs, batch, runtime.threads, runtime.provider)
    return outputs, replace(hop, law=f"{hop.law}, or scored in batches of {runtime.batch}", passed=True)


def measure_latency(
    products: Mapping[str, Product],
    baseline: str,
    inputs: Mapping[str, np.ndarray],
    runtime: Runtime,
    progress: Progress = silent,
) -> dict[str, Latency]:
    """Latencies by candidate digest, measured for all products interleaved, in each of several fresh processes.

    Each call runs the first `runtime.batch` examples. `progress` is called after every process.
    """
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
    """The size and the multiply-accumulates of a file, and its peak memory (MiB) for one batch of `runtime.batch`."""
    from tasks.kernels.latency import benchmark
    from tasks.kernels.onnx import description

    found = description.describe(product.path)
    batch = first_batch(inputs, runtime.batch)
    peak = benchmark.peak_memory(product.path, batch, runtime.threads, runtime.provider)
    return Size(found.bytes, found.parameters, found.nonzeros, found.macs, peak)


def first_batch(inputs: Mapping[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """The first `count` examples of each input; the examples of a shorter split are repeated."""
    import numpy as np

    return {name: np.asarray(array[np.arange(count) % len(array)]) for name, array in inputs.items()}
