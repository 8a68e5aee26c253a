"""Goal and runtime: what the user asks for, and where the product will run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.artifacts.specs import Spec

Metric = Literal["accuracy", "f1", "log_loss", "roc_auc", "mae", "rmse"]
LOWER_IS_BETTER: frozenset[str] = frozenset({"log_loss", "mae", "rmse"})


class Limits(Spec):
    """Bounds that a product must keep, whatever else it is best at."""

    bytes: int | None = Field(default=None, gt=0)
    """Largest file, in bytes."""
    latency_ms: float | None = Field(default=None, gt=0)
    """Longest median latency on this host, in milliseconds."""
    speedup: float | None = Field(default=None, gt=0)
    """Smallest ratio of the baseline's latency to the product's."""


class Goal(Spec):
    """As good as the baseline within `max_drop`, and the least of `minimize`."""

    metric: Metric = "accuracy"
    """What must stay good; log_loss, mae and rmse are better when lower."""
    max_drop: float = Field(default=0.01, ge=0)
    """How much of the metric the product may lose against the baseline, in the metric's own unit."""
    minimize: Literal["latency", "bytes"] = "latency"
    """What the product should have least of."""
    limits: Limits = Limits()
    proof: Literal["estimate", "proven"] = "estimate"
    """`estimate` accepts a drop whose estimate is within `max_drop`; `proven` wants its interval within, too."""


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
