"""Scorecard: what was measured of one candidate's exported file, on one split, on one host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tasks.core.dataset import SplitName

DropVerdict = Literal["proven within", "within, not proven", "beyond"]
LatencyVerdict = Literal["faster", "slower", "no measurable change"]


@dataclass(frozen=True)
class Estimate:
    """A number, its 95 % interval and the count behind it."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Drop:
    """The paired loss against the baseline on the same examples: positive is worse, whatever the metric."""

    estimate: Estimate
    margin: float
    verdict: DropVerdict
    needed: int | None
    """How many examples would prove it at the rates seen here; None when it is proven or beyond."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one call, interleaved with the baseline in each of several fresh processes."""

    median_ms: float
    p95_ms: float
    n: int
    """Timed calls of this candidate, over all processes."""
    processes: int
    ratio: Estimate
    """The baseline's latency over this one's: above 1 is faster. `n` counts processes."""
    verdict: LatencyVerdict
    quiet: bool = True
    """Whether no other work of this user's ran on the host meanwhile."""

    @property
    def words(self) -> str:
        """The verdict, and what takes from its weight."""
        return self.verdict if self.quiet else f"{self.verdict}, measured while other work ran"


@dataclass(frozen=True)
class Parity:
    """One hop of the model's form, proven on the same inputs: framework → ONNX → fused → quantized."""

    hop: str
    n: int
    max_difference: float
    agreement: float
    """Share of examples whose answer (class) is the same before and after the hop; for regression, the share
    within the tolerance."""
    law: str
    passed: bool


@dataclass(frozen=True)
class Size:
    """What the exported file weighs and what it computes for one example."""

    bytes: int
    parameters: int
    nonzeros: int
    macs: int
    peak_memory_mb: float
    """Growth of resident memory of a fresh process that loads the file and runs it, in MiB."""


@dataclass(frozen=True)
class Scorecard:
    """Everything that selection sees of one candidate. Never part of a cache key of the work it scores."""

    candidate: str
    """The candidate's digest."""
    name: str
    split: SplitName
    host: str
    """Digest-like short name of the host: processor, instruction sets, cores, runtime version."""
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
