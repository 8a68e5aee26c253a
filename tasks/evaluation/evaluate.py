"""Evaluate: measures exported files, compared with the baseline's on the same examples and this host."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tasks.core import (
    Drop,
    Estimate,
    Goal,
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
from tasks.evaluation import engines, latencies, parity, scoring, stopping_rule
from tasks.evaluation.groups import Group, score_groups
from tasks.evaluation.metric_choice import metric_of
from tasks.evaluation.references import MODEL, compare_references

if TYPE_CHECKING:
    import numpy as np

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
    contenders: tuple[str, ...] = ()
    """Digests of the products between which is chosen: the timing ends when the verdicts on them and the choice are
    decided. Empty: every product is timed in all processes."""
    baseline_may_win: bool = False
    """As in `selection.select`."""
    floats: tuple[str, ...] = ()
    """As in `latencies.measure_latency`."""


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
    """Measures all products on the whole split, each in its own engine on this host.

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
    engines.check_runtime(spec.runtime)
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
    sizes = {digest: measure_size(product, inputs, spec.runtime) for digest, product in products.items()}
    reached = {
        digest: scoring.share_kept(outputs[digest], targets, metric, thresholds.get(digest)) for digest in products
    }

    def cards_with(found: Mapping[str, Latency]) -> dict[str, Scorecard]:
        return {
            digest: replace(
                _card(replace(product, parity=hops[digest]), spec, quality[digest], found[digest], sizes[digest]),
                size_ratio=sizes[baseline].bytes / sizes[digest].bytes,
                title=metric.title,
                threshold=thresholds.get(digest),
                reached=reached[digest],
                references=judged if digest == baseline else (),
                groups=groups[digest],
            )
            for digest, product in products.items()
        }

    latency = timing or _time_until_decided(products, baseline, inputs, spec, cards_with, progress)
    progress(_share(1.0, f"scored {len(products)} products"))
    return cards_with(latency)


def _time_until_decided(
    products: Mapping[str, Product],
    baseline: str,
    inputs: Mapping[str, np.ndarray],
    spec: EvaluationSpec,
    cards_with: Callable[[Mapping[str, Latency]], dict[str, Scorecard]],
    progress: Progress,
) -> dict[str, Latency]:
    """The latencies by digest; with contenders, until nothing hangs on more of them (`stopping_rule.undecided`)."""

    def rule(found: Mapping[str, Latency], ratios: latencies.Ratios) -> Collection[str]:
        cards = {digest: card for digest, card in cards_with(found).items() if digest in (baseline, *spec.contenders)}
        seen = {digest: ratios[digest] for digest in cards}
        return stopping_rule.undecided(cards, baseline, spec.goal, seen, spec.runtime.processes, spec.baseline_may_win)

    files = {digest: product.path for digest, product in products.items()}
    asked = rule if spec.contenders else None
    return latencies.measure_latency(files, baseline, inputs, spec.runtime, asked, progress, spec.floats)


def _share(done: float, what: str) -> Update:
    return Update(round(100 * done), 100, what)


def _card(
    product: Product, spec: EvaluationSpec, quality: tuple[Estimate, Drop], latency: Latency, size: Size
) -> Scorecard:
    """The scorecard of one product, as large as the baseline."""
    estimate, drop = quality
    return Scorecard(
        candidate=product.candidate,
        name=product.name,
        split=spec.split,
        host=engines.host_of(spec.runtime),
        metric=spec.metric.name,
        score=estimate,
        drop=drop,
        latency=latency,
        throughput=1000 * spec.runtime.batch / latency.median_ms,
        size=size,
        size_ratio=1.0,
        parity=product.parity,
        runtime=engines.runtime_of_file(product.path, spec.runtime).sentence,
    )


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

    It runs in the engine of its runtime record. Larger batches are run unless they change the answers, as the scales of
    dynamic quantization do.

    Returns:
        The outputs, and the parity of the hop between the two sizes of batches.

    Raises:
        InputError: as `engines.check_record`.
        Refusal: the engine cannot run the file.
    """
    from tasks.kernels.engines.product_session import predict_product

    engines.check_engine(file)
    with engines.said_as_refusal():
        hop = parity.compare_batches(file, inputs, runtime)
        batch = BATCH if hop.passed else runtime.batch
        outputs = predict_product(file, inputs, batch, runtime.threads, runtime.provider)
    return outputs, replace(hop, law=f"{hop.law}, or scored in batches of {runtime.batch}", passed=True)


def measure_size(product: Product, inputs: Mapping[str, np.ndarray], runtime: Runtime) -> Size:
    """The size and the multiply-accumulates of a file, and its peak memory (MiB) for one batch of `runtime.batch`."""
    from tasks.kernels.latency import benchmark
    from tasks.kernels.onnx import description

    found = description.describe(product.path)
    batch = latencies.first_batch(inputs, runtime.batch)
    peak = benchmark.peak_memory(product.path, batch, runtime.threads, runtime.provider)
    return Size(found.bytes, found.parameters, found.nonzeros, found.macs, peak)
