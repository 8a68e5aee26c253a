"""Goal and runtime: what the user asks for, and how the product will run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator, model_validator

from tasks.core.errors import InputError, nearest_choice
from tasks.core.import_path import is_import_path
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
    "recall_at_precision",
    "sensitivity_at_specificity",
    "cost",
    "mae",
    "rmse",
    "r2",
    "quantile_loss",
]
SETTINGS: dict[str, tuple[str, ...]] = {
    "quantile": ("quantile_loss",),
    "at": ("recall_at_precision", "sensitivity_at_specificity"),
    "costs": ("cost",),
}
"""Keys of a goal → the metrics that they suit."""
TIE = 0.1
"""Default of `Goal.tie`."""
SHARES = {"estimate": 0.0, "likely": 0.8416 / 1.96, "proven": 1.0}
"""For each kind of proof, the share of the way from an estimate to the upper end of its 95 % interval (ratio of the
normal quantiles 0.8 and 0.975 for `likely`)."""


_Engine = Literal["onnxruntime", "openvino"]
"""The runtimes in which a product can run."""
_Precision = Literal["f32", "bf16", "f16"]
"""The precisions in which OpenVINO computes what is not quantized."""


class Limits(Spec):
    """Bounds that a product must keep."""

    bytes: int | None = Field(default=None, gt=0)
    """Largest file, in bytes."""
    latency_ms: float | None = Field(default=None, gt=0)
    """Longest median latency on this host, in milliseconds."""
    speedup: float | None = Field(default=None, gt=0)
    """Smallest ratio of the baseline's latency to the product's."""
    # Left out where it is the default: what was stored under limits without it stays valid.
    group_drop: float | None = Field(default=None, ge=0, exclude_if=lambda bound: bound is None)
    """How much of the metric the product may lose, against the baseline, in the group of `data.groups` that loses most.
    As `goal.proof` asks, for all groups together."""

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


@dataclass(frozen=True)
class MetricSpec:
    """A goal's metric, resolved against the data: what trainings and evaluations take."""

    name: str = "accuracy"
    """A key of `metrics.METRICS`, or the import path of the user's own function."""
    task: Literal["classification", "regression"] = "classification"
    """That of the data."""
    positive: int | None = None
    """Index of the positive class; None where the metric has none, or takes the mean over all."""
    label: str = ""
    """Name of the positive class; empty without one."""
    quantile: float = 0.5
    at: float = 0.9
    costs: tuple[tuple[float, ...], ...] = ()
    stamp: str = ""
    """Digest of the source file of the user's own function; empty for others."""

    @property
    def record(self) -> dict[str, Any]:
        """The fields as JSON: equal records are equal after a way through the store."""
        return {**asdict(self), "costs": [list(row) for row in self.costs]}


class Goal(Spec):
    """The product with the least `minimize` whose metric is within `max_drop` of the baseline's."""

    metric: str = Field(default="accuracy", json_schema_extra={"examples": [*get_args(MetricName), "my_pkg:metric"]})
    """The metric that must be kept, or your own as `module:function`. log_loss, calibration_error, cost, mae, rmse and
    quantile_loss are better when lower; f1 is the unweighted mean over the classes (macro F1) without `positive`."""
    # What follows is left out where it is the default: what was stored under a goal without it stays valid.
    positive: str | None = Field(default=None, exclude_if=lambda name: name is None)
    """The positive class, of which f1, roc_auc, average_precision, recall_at_precision and sensitivity_at_specificity
    are. Absent: of two classes the second, but f1 is the mean over the classes."""
    quantile: float = Field(default=0.5, gt=0, lt=1, exclude_if=lambda share: bool(share == 0.5))
    """For quantile_loss: the share of the values that should lie below the predictions."""
    at: float = Field(default=0.9, gt=0, lt=1, exclude_if=lambda share: bool(share == 0.9))
    """For recall_at_precision and sensitivity_at_specificity: the precision, or specificity, that is kept."""
    costs: tuple[tuple[float, ...], ...] = Field(default=(), exclude_if=lambda costs: not costs)
    """For cost: what each answer costs. A row for each true class and a column for each answer, in the order of the
    classes."""
    max_drop: float = Field(default=0.01, ge=0)
    """How much of the metric the product may lose against the baseline, in the metric's own unit."""
    minimize: Literal["latency", "bytes"] = "latency"
    """What to minimize."""
    limits: Limits = Limits()
    proof: Literal["estimate", "likely", "proven"] = "estimate"
    """`estimate` accepts a drop whose estimate is within `max_drop`; near this margin, the drop on new data exceeds it
    about half of the time. `likely` requires that it holds in four of five cases, `proven` the whole 95 % interval."""
    tie: float = Field(default=TIE, ge=0, lt=1, exclude_if=lambda tie: bool(tie == TIE))
    """Share of the least latency or bytes (as `minimize` says) by which a candidate may be above it and yet be chosen:
    if the least one's other cost, bytes or latency, is higher than its own by at least twice this share. `0`: bytes
    decide only between latencies whose intervals overlap. Searches rank without it."""

    @property
    def group_margin(self) -> float:
        """What a group may lose before it counts as hurt: `limits.group_drop`, or without it `max_drop`."""
        return self.max_drop if self.limits.group_drop is None else self.limits.group_drop

    @field_validator("metric")
    @classmethod
    def _metric_is_known(cls, name: str) -> str:
        known = get_args(MetricName)
        if name not in known and not is_import_path(name):
            law = f"must be one of {', '.join(known)}, or your own as module:name"
            raise ValueError(InputError(law, value=name, nearest=nearest_choice(name, known)))
        return name

    @field_validator("positive", mode="before")
    @classmethod
    def _class_as_text(cls, name: Any) -> Any:
        """Classes are texts, also those that YAML reads as numbers, or as true and false."""
        return str(name) if isinstance(name, (int, float)) else name

    @model_validator(mode="after")
    def _settings_suit_the_metric(self) -> Goal:
        for key, metrics in SETTINGS.items():
            if key in self.model_fields_set and self.metric not in metrics:
                raise ValueError(InputError(f"suits only goal.metric {' and '.join(metrics)}", path=key))
        if self.metric == "cost":
            _check_costs(self.costs)
        return self

    def judged(self, drop: Estimate) -> float:
        """The number that `proof` requires to be within `max_drop`: the drop's estimate, 80 % bound or upper end."""
        return drop.value + SHARES[self.proof] * (drop.high - drop.value)


def _check_costs(costs: tuple[tuple[float, ...], ...]) -> None:
    """Raises ValueError, with the InputError, unless it is a square matrix of at least two classes."""
    example = "[[0, 1], [5, 0]]"
    if not costs:
        law = "is required: what each answer costs, a row for each true class and a column for each answer"
        raise ValueError(InputError(law, path="costs", nearest=example))
    if len(costs) < 2 or any(len(row) != len(costs) for row in costs):
        law = "must have as many columns as rows: a row for each true class, a column for each answer"
        raise ValueError(InputError(law, path="costs", value=[list(row) for row in costs], nearest=example))


class Runtime(Spec):
    """How the product runs; latency is measured under these settings."""

    engine: tuple[_Engine, ...] | None = Field(default=None, min_length=1, exclude_if=lambda engine: engine is None)
    """The runtimes in which files are measured, one or a list; absent: those that are installed."""
    precision: tuple[_Precision, ...] | None = Field(
        default=None, min_length=1, exclude_if=lambda precision: precision is None
    )
    """The precisions that are tried in OpenVINO, one or a list; absent: those that the processor computes itself."""
    provider: Literal["cpu", "cuda"] = "cpu"
    """ONNX Runtime's execution provider."""
    threads: int = Field(default=1, ge=1, le=256)
    """Threads of one session (intra-op)."""
    batch: int = Field(default=1, ge=1, le=65536)
    """Examples in one call."""
    processes: int = Field(default=3, ge=3, le=20)
    """Most fresh processes that repeat the latency measurement, whose spread gives its interval; where a product is
    chosen, it ends after the third or a later one, when the choice is decided."""

    @field_validator("engine", "precision", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any, info: ValidationInfo) -> Any:
        """One name is a list of it; a list has each name once."""
        names = [value] if isinstance(value, str) else value
        known = get_args(_Engine if info.field_name == "engine" else _Precision)
        if not isinstance(names, (list, tuple)) or not names:
            return names
        for each in names:
            if each not in known:
                law = f"must be one of {', '.join(known)}, or a list of them"
                raise ValueError(InputError(law, value=each, nearest=nearest_choice(str(each), known)))
        return tuple(dict.fromkeys(names))

    @model_validator(mode="after")
    def _cuda_is_onnxruntimes(self) -> Runtime:
        if self.provider == "cuda" and "openvino" in (self.engine or ()):
            law = "goes with engine onnxruntime alone"
            raise ValueError(InputError(law, path="provider", value="cuda", nearest="cpu"))
        return self
