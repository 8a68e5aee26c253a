"""Scorecard: the measurements of one candidate's exported file, on one split and one host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tasks.core.dataset import SplitName

DropVerdict = Literal["proven within", "within, not proven", "beyond"]
GainVerdict = Literal["better", "not proven better", "no better"]
LatencyVerdict = Literal["faster", "slower", "no measurable change"]


@dataclass(frozen=True)
class Estimate:
    """An estimate with its 95 % interval (low, high) and the number of examples or processes it comes from."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Drop:
    """The loss of the metric against the baseline, paired on the same examples: positive is worse for every metric."""

    estimate: Estimate
    margin: float
    verdict: DropVerdict
    needed: int | None
    """Number of examples that would prove it at the rates observed; None when it is proven or beyond the margin."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one call, measured interleaved with the baseline in several fresh processes."""

    median_ms: float
    p95_ms: float
    n: int
    """Number of timed calls, over all processes."""
    processes: int
    ratio: Estimate
    """The baseline's latency over this one's: above 1 is faster. `n` counts processes."""
    verdict: LatencyVerdict
    quiet: bool = True
    """Whether no other work of this user ran on the host meanwhile."""
    float_ratio: Estimate | None = None
    """As `ratio`, against the baseline's file in the engine that runs it fastest in float32; None where that is ONNX
    Runtime, or no other was measured."""

    @property
    def words(self) -> str:
        """The verdict in words, with a note when other work ran meanwhile."""
        return self.verdict if self.quiet else f"{self.verdict}, measured while other work ran"


@dataclass(frozen=True)
class Parity:
    """The check of one conversion (hop) of a model on the same inputs: framework → ONNX → fused → quantized."""

    hop: str
    n: int
    max_difference: float
    agreement: float
    """Share of examples (0..1) with the same class before and after the hop; for regression, within the tolerance."""
    law: str
    passed: bool


@dataclass(frozen=True)
class Size:
    """Size of the exported file, and its cost for one example."""

    bytes: int
    parameters: int
    nonzeros: int
    macs: int
    peak_memory_mb: float
    """Growth of resident memory, in MiB, of a fresh process that loads the file and runs it."""


@dataclass(frozen=True)
class Reference:
    """A simpler answer beside the baseline, paired on the same examples."""

    name: str
    """What it is, as text: `always 'no'`, or `a logistic regression`."""
    score: Estimate
    gain: Estimate
    """By how much the baseline is better, in the metric's own unit."""
    verdict: GainVerdict
    """`better` where the whole interval of the gain is above 0, `no better` where its estimate is not."""


@dataclass(frozen=True)
class GroupScore:
    """A candidate on the examples of one group: those with one value in a column of `data.groups`.

    All intervals of a scorecard's k groups hold together in 95 % of cases: each has the level 1 - 0.05 / k
    (Bonferroni).
    The drop's margin is `goal.limits.group_drop`, or without it `goal.max_drop`.
    """

    column: str
    value: str
    n: int
    score: Estimate | None
    """None, like the drop, where the examples are too few to judge."""
    drop: Drop | None

    @property
    def name(self) -> str:
        """The group as text: `sex=F`."""
        return f"{self.column}={self.value}"


@dataclass(frozen=True)
class Scorecard:
    """All measurements that selection uses. Never part of the cache key of the work that it scores."""

    candidate: str
    """The candidate's digest."""
    name: str
    split: SplitName
    host: str
    """Name of the host (`machine.host_name`): processor, cores, instruction sets, runtime version."""
    metric: str
    score: Estimate
    drop: Drop
    latency: Latency
    throughput: float
    """Examples per second at the runtime's batch."""
    size: Size
    size_ratio: float
    """The baseline's bytes over this one's: above 1 is smaller."""
    parity: tuple[Parity, ...]
    references: tuple[Reference, ...] = ()
    """Of the baseline on test: the constant answer first, then a simple model if there is one."""
    title: str = ""
    """The metric's name in text, which says what is averaged, or of which class it is."""
    threshold: float | None = None
    """The least probability of the positive class at which it is answered, chosen on validation; None for metrics that
    have no operating point."""
    reached: Estimate | None = None
    """On this split at that threshold: the precision of recall_at_precision, the specificity of
    sensitivity_at_specificity. `n` counts the examples that are answered positive, or that are negative."""
    groups: tuple[GroupScore, ...] = ()
    """All groups of the data set, column by column, also those without an example in the split."""
    runtime: str = ""
    """What ran the file: engine, version, precision, threads, fixed batch, as text; empty where it was stored without.
    """

    @property
    def metric_title(self) -> str:
        """The title; the name where it was stored without."""
        return self.title or self.metric


@dataclass(frozen=True)
class PeerTime:
    """How long one call of a peer takes, in calls interleaved with the product's in several fresh processes."""

    name: str
    """What is called, as text."""
    rows: int
    """Rows of one call."""
    median_ms: float
    n: int
    """Number of timed calls, over all processes."""
    ratio: Estimate
    """The peer's time over the product's: above 1, the product is faster. `n` counts processes."""


@dataclass(frozen=True)
class LibraryComparison:
    """The product's latency beside that of the same simple model in Python, with one thread each."""

    host: str
    """Name of the host on which it was measured (`machine.host_name`)."""
    times: tuple[PeerTime, ...] = ()
    """By rows and then by peer; the first of each number of rows is the product itself."""
    quiet: bool = True
    """Whether no other work of this user ran on the host meanwhile."""
    failure: str = ""
    """Why nothing could be measured; otherwise empty."""


@dataclass(frozen=True)
class BatchTime:
    """How long calls of so many examples take, baseline and product interleaved in several fresh processes."""

    batch: int
    baseline_ms: float
    """Median milliseconds of a call."""
    product_ms: float
    ratio: Estimate
    """The baseline's time over the product's. `n` counts processes."""


@dataclass(frozen=True)
class FirstTime:
    """What a file needs until its first answer, in fresh processes; `n` of each estimate counts them."""

    name: str
    load_ms: Estimate
    """Milliseconds to open the file in its runtime, which is imported already."""
    call_ms: Estimate
    """Milliseconds of the first call."""
    memory_mb: Estimate
    """Growth of resident memory, in MiB, at its highest."""


@dataclass(frozen=True)
class RunProfile:
    """How baseline and product run beside the recipe's own batch: larger batches, first run, memory."""

    host: str
    """Name of the host on which it was measured (`machine.host_name`)."""
    batches: tuple[BatchTime, ...] = ()
    """Ascending; empty where a call takes long, or a file takes no other batch."""
    starts: tuple[FirstTime, ...] = ()
    """The baseline first; then the product, unless it is the baseline."""
    quiet: bool = True
    """Whether no other work of this user ran on the host meanwhile."""
    failure: str = ""
    """Why nothing could be measured; otherwise empty."""
