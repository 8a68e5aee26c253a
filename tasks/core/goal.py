"""Goal and runtime: what the user asks for, and how the product will run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.core.scorecard import Estimate
from tasks.core.spec import Spec

MetricName = Literal[
    "accuracy",
    "balanced_accuracy",
    "f1",
    "log_loss",
    "roc_auc",
    "average_precision",
    "calibration_error",
    "mae",
    "rmse",
    "r2",
]
TIE = 0.1
"""Default of `Goal.tie`."""
SHARES = {"estimate": 0.0, "likely": 0.8416 / 1.96, "proven": 1.0}
"""For each kind of proof, the share of the way from an estimate to the upper end of its 95 % interval (ratio of the
normal quantiles 0.8 and 0.975 for `likely`)."""


class Limits(Spec):
    """Bounds that a product must keep."""

    bytes: int | None = Field(default=None, gt=0)
    """Largest file, in bytes."""
    latency_ms: float | None = Field(default=None, gt=0)
    """Longest median latency on this host, in milliseconds."""
    speedup: float | None = Field(default=None, gt=0)
    """Smallest ratio of the baseline's latency to the product's."""

    def excess(self, size: float, latency_ms: float, speedup: float | None = None) -> float:
        """The sum, over the bounds, of the share by which a file exceeds each; 0 when it keeps them all.

        Args:
            size: bytes of the file, above 0.
            latency_ms: its median latency in milliseconds, above 0.
            speedup: the baseline's latency over this one's; None when unknown, which keeps the bound.
        """
        slowness, slowest = (1 / ratio if ratio else None for ratio in (speedup, self.speedup))
        pairs = ((size, self.bytes), (latency_ms, self.latency_ms), (slowness, slowest))
        return sum(max(0.0, value / bound - 1) for value, bound in pairs if value and bound)


class Goal(Spec):
    """The product with the least `minimize` whose metric is within `max_drop` of the baseline's."""

    metric: MetricName = "accuracy"
    """The metric that must be kept. log_loss, calibration_error, mae and rmse are better when lower; f1 is the
    unweighted mean over the classes."""
    max_drop: float = Field(default=0.01, ge=0)
    """How much of the metric the product may lose against the baseline, in the metric's own unit."""
    minimize: Literal["latency", "bytes"] = "latency"
    """What to minimize."""
    limits: Limits = Limits()
    proof: Literal["estimate", "likely", "proven"] = "estimate"
    """`estimate` accepts a drop whose estimate is within `max_drop`; near this margin, the drop on new data exceeds it
    about half of the time. `likely` requires that it holds in four of five cases, `proven` the whole 95 % interval."""
    # Left out where it is the default: what was stored under a goal without it stays valid.
    tie: float = Field(default=TIE, ge=0, lt=1, exclude_if=lambda tie: bool(tie == TIE))
    """Share of the least latency or bytes (as `minimize` says) by which a candidate may be above it and yet be chosen:
    if the least one's other cost, bytes or latency, is higher than its own by at least twice this share. `0`: bytes
    decide only between latencies whose intervals overlap. Searches rank without it."""

    def judged(self, drop: Estimate) -> float:
        """The number that `proof` requires to be within `max_drop`: the drop's estimate, 80 % bound or upper end."""
        return drop.value + SHARES[self.proof] * (drop.high - drop.value)


class Runtime(Spec):
    """How the product runs; latency is measured under these settings."""

    provider: Literal["cpu", "cuda"] = "cpu"
    """ONNX Runtime's execution provider."""
    threads: int = Field(default=1, ge=1, le=256)
    """Threads of one session (intra-op)."""
    batch: int = Field(default=1, ge=1, le=65536)
    """Examples in one call."""
    processes: int = Field(default=3, ge=3, le=20)
    """Number of fresh processes that repeat the latency measurement; their spread gives its interval."""
