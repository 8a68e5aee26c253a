"""Goal and runtime: what the user asks for, and where the product will run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.core.scorecard import Estimate
from tasks.core.spec import Spec

Metric = Literal["accuracy", "f1", "log_loss", "roc_auc", "mae", "rmse"]
SHARES = {"estimate": 0.0, "likely": 0.8416 / 1.96, "proven": 1.0}
"""Of the way from an estimate to the upper end of its 95 % interval: normal quantiles 0.8 and 0.975."""
LOWER_IS_BETTER: frozenset[str] = frozenset({"log_loss", "mae", "rmse"})


class Limits(Spec):
    """Bounds that a product must keep, whatever else it is best at."""

    bytes: int | None = Field(default=None, gt=0)
    """Largest file, in bytes."""
    latency_ms: float | None = Field(default=None, gt=0)
    """Longest median latency on this host, in milliseconds."""
    speedup: float | None = Field(default=None, gt=0)
    """Smallest ratio of the baseline's latency to the product's."""

    def excess(self, size: float, latency_ms: float, speedup: float | None = None) -> float:
        """How far a file exceeds the bounds, each as a share of itself, in all; 0 keeps them.

        Args:
            size: bytes, as `latency_ms` above 0.
            speedup: as the bound of that name; None, where it is not known, keeps it.
        """
        slowness, slowest = (1 / ratio if ratio else None for ratio in (speedup, self.speedup))
        pairs = ((size, self.bytes), (latency_ms, self.latency_ms), (slowness, slowest))
        return sum(max(0.0, value / bound - 1) for value, bound in pairs if value and bound)


class Goal(Spec):
    """As good as the baseline within `max_drop`, and the least of `minimize`."""

    metric: Metric = "accuracy"
    """What must stay good; log_loss, mae and rmse are better when lower."""
    max_drop: float = Field(default=0.01, ge=0)
    """How much of the metric the product may lose against the baseline, in the metric's own unit."""
    minimize: Literal["latency", "bytes"] = "latency"
    """What the product should have least of."""
    limits: Limits = Limits()
    proof: Literal["estimate", "likely", "proven"] = "estimate"
    """`estimate` accepts a drop whose estimate is within `max_drop`; near the margin, that holds on new data about
    every other time. `likely` wants it to hold four times in five, `proven` the whole interval within."""

    def judged(self, drop: Estimate) -> float:
        """The loss that `proof` wants within `max_drop`: the estimate, its 80 % bound, or its interval's upper end."""
        return drop.value + SHARES[self.proof] * (drop.high - drop.value)


class Runtime(Spec):
    """Where and how the product runs; latency is measured in this way."""

    provider: Literal["cpu", "cuda"] = "cpu"
    """ONNX Runtime's execution provider."""
    threads: int = Field(default=1, ge=1, le=256)
    """Threads of one session (intra-op)."""
    batch: int = Field(default=1, ge=1, le=65536)
    """Examples in one call."""
    processes: int = Field(default=3, ge=3, le=20)
    """Fresh processes that repeat the latency measurement; their spread is part of the interval."""
