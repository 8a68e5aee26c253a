"""Training spec: the recipe's settings of a training: epochs, optimizer, schedule, regularization, early stopping."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from tasks.core import InputError, Spec, nearest_choice
from tasks.training.value_schedule import ValueChange, held, wrong

Optimizer = Literal["sgd", "adam", "adamw", "adagrad", "rmsprop", "muon"]
Schedule = Literal["constant", "step", "cosine", "linear", "one_cycle"]
Precision = Literal["float32", "bfloat16", "auto"]
RATES: dict[Optimizer, float] = {
    "sgd": 0.05,
    "adam": 1e-3,
    "adamw": 1e-3,
    "adagrad": 0.05,
    "rmsprop": 1e-3,
    "muon": 0.01,
}
"""The learning rate of each optimizer where the recipe names none."""


def _rate_of(given: dict[str, Any]) -> float:
    """The default rate of the optimizer among the values that are known so far."""
    return RATES.get(given.get("optimizer", "adamw"), 1e-3)


def _optional(default: Any) -> Any:
    """What leaves a setting at its default out of the JSON form, so that trainings without it keep their identity."""
    return Field(exclude_if=lambda value: value == default)


def _said(law: str, word: str) -> WrapValidator:
    """One sentence for a setting that is either a word or something else; numbers as names become texts."""

    def check(value: Any, accept: ValidatorFunctionWrapHandler) -> Any:
        named = {str(name): each for name, each in value.items()} if isinstance(value, dict) else value
        try:
            return accept(named)
        except ValidationError:
            nearest = word if isinstance(value, str) and nearest_choice(value, (word,)) else None
            raise ValueError(InputError(law, value=value, nearest=nearest)) from None

    return WrapValidator(check)


LearningRate = Annotated[
    Annotated[float, Field(gt=0)] | Literal["auto"], _said("must be auto or a finite number above 0", "auto")
]
ClassWeights = Annotated[
    Literal["balanced"] | dict[str, Annotated[float, Field(gt=0)]],
    _said("must be balanced, or a mapping of classes to numbers above 0", "balanced"),
]


def deciding_host(precision: Precision) -> str | None:
    """The name of this host with `precision: auto`, whose choice is of this host alone; otherwise None."""
    from tasks.kernels.host import machine

    return " ".join([machine.host_name(), *machine.gpu_names()]) if precision == "auto" else None


class EarlyStopping(Spec):
    """Ends training when the validation score no longer improves."""

    patience: int = Field(default=5, ge=1, le=10_000)
    """Training stops after this number of successive epochs without an improvement."""
    min_delta: float = Field(default=0.0, ge=0)
    """A change of the score counts as an improvement only above this, in the metric's own unit."""


class TrainingSettings(Spec):
    """What the trainings of a recipe and of its branches have in common, with a teacher or without."""

    optimizer: Optimizer = "adamw"
    """The optimizer."""
    momentum: Annotated[float, Field(ge=0, lt=1), _optional(0.9)] = 0.9
    """Momentum of sgd; the other optimizers do not use it."""
    nesterov: Annotated[bool, _optional(False)] = False
    """Nesterov's momentum in sgd; the other optimizers do not use it."""
    weight_decay: Annotated[float, Field(ge=0), _optional(1e-4)] = 1e-4
    """Weight decay: decoupled in adamw and muon, part of the gradient in the other optimizers."""
    decay: Annotated[Literal["all", "weights"], _optional("all")] = "all"
    """What has weight decay: all parameters, or only the weights of layers, not biases and not the scales and shifts of
    normalizations; muon always does the latter."""
    schedule: Schedule = "cosine"
    """How the learning rate changes during training."""
    warm_up: Annotated[float, Field(ge=0, le=10_000), _optional(0.0)] = 0.0
    """Epochs, also a part of one, in which the rate rises from a 25th before its schedule; one_cycle has its own."""
    step_epochs: Annotated[int | None, Field(ge=1, le=10_000), _optional(None)] = None
    """The schedule `step` lowers the rate after each this many epochs. Absent: a third of the training."""
    step_factor: Annotated[float, Field(gt=0, lt=1), _optional(0.1)] = 0.1
    """By which the schedule `step` multiplies the rate."""
    clip_norm: Annotated[float | None, Field(gt=0), _optional(None)] = None
    """Gradient clipping: the highest norm of all gradients together. Absent: none."""
    accumulate: Annotated[int, Field(ge=1, le=65_536), _optional(1)] = 1
    """Number of batches whose gradients are averaged for one step."""
    l1: Annotated[float, Field(ge=0), _optional(0.0)] = 0.0
    """Factor of the sum of absolute weights (of layers, not biases) that is added to what is minimized."""
    mixup: Annotated[float, Field(ge=0, le=100), _optional(0.0)] = 0.0
    """Trains on averages of two examples and of their classes, in a share drawn from Beta(mixup, mixup); 0: none.
    0.2 is usual."""
    cutmix: Annotated[float, Field(ge=0, le=100), _optional(0.0)] = 0.0
    """Replaces a rectangle of each image by another's, of an area drawn from Beta(cutmix, cutmix), and mixes classes
    likewise; 0: none. 1 is usual. With `mixup`, each batch gets one of both."""
    ema: Annotated[float | None, Field(gt=0, lt=1), _optional(None)] = None
    """Decay of an exponential moving average of the weights, which is what is validated and kept: 0.999. Absent: the
    weights themselves."""
    sampling: Annotated[Literal["shuffled", "balanced"], _optional("shuffled")] = "shuffled"
    """`balanced`: all classes are equally frequent in an epoch; rare ones are repeated."""
    layer_decay: Annotated[float, Field(gt=0, le=1), _optional(1.0)] = 1.0
    """The layers are in four groups from the answer to the input: each group's rate is this times that of the group
    before. Absent: 1, and 0.4 where a trained network is fine-tuned."""
    unfreeze: Annotated[int, Field(ge=0, le=10_000), _optional(0)] = 0
    """Epochs after which the next of these groups begins to learn, the last layer alone first; 0: all learn from the
    first epoch. Absent: 0, and 1 where a trained network is fine-tuned."""
    progressive_resizing: Annotated[float | None, Field(ge=0.25, lt=1), _optional(None)] = None
    """Share of their sides that images have in the first epoch; they grow until two thirds of the training. 0.5 is
    usual. Absent: all epochs see images of their own size."""
    precision: Precision = "float32"
    """Arithmetic of the training steps; weights and validation stay in float32. `auto`: bfloat16 where a few steps of
    this network are faster in it on this device, and lower the validation loss as much; float32 elsewhere."""
    seed: int = Field(default=0, ge=0)
    """Seed of shuffling, augmentation and dropout."""

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        if self.nesterov and self.optimizer == "sgd" and not self.momentum:
            raise ValueError(InputError("needs a momentum above 0", path="nesterov", value=True, nearest=False))
        if self.warm_up and self.schedule == "one_cycle":
            law = "must be left out: one_cycle begins with its own"
            raise ValueError(InputError(law, path="warm_up", value=self.warm_up))
        return self

    @property
    def version(self) -> str | None:
        """What decides the result beside the settings, for cache keys: see `deciding_host`."""
        return deciding_host(self.precision)


class TrainSpec(TrainingSettings):
    """The settings of a training."""

    epochs: int = Field(default=30, ge=1, le=10_000)
    """Most passes over the training data."""
    minutes: float | None = Field(default=None, gt=0)
    """Most minutes of training and validation. The learning rate then follows the elapsed share of time when that is
    larger than the share of epochs, so that its schedule always reaches its end."""
    batch_size: int = Field(default=128, ge=1, le=65_536)
    """Examples in one batch. Absent in a recipe: 128, or an eighth of the train examples where that is less."""
    learning_rate: LearningRate = Field(default_factory=_rate_of)
    """The schedule's highest learning rate. Absent: the optimizer's default (sgd and adagrad 0.05, muon 0.01, the
    others 0.001). `auto`: a range test of a hundred steps before the training chooses it."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of sgd; the other optimizers do not use it."""
    weight_decay: float = Field(default=1e-4, ge=0)
    """Weight decay: decoupled in adamw and muon, part of the gradient in the other optimizers."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of each class target that is spread over all classes; for classification."""
    class_weights: Annotated[ClassWeights | None, _optional(None)] = None
    """Weight of each class in the loss: by its name (others have 1), or `balanced`: inverse to its frequency."""
    early_stopping: EarlyStopping | None = EarlyStopping()
    """When to stop before the last epoch; null: never."""
    changes: dict[int, ValueChange] = Field(default_factory=dict, exclude_if=lambda changes: not changes)
    """Epoch, counted from 1 → values that apply from its beginning until the next change: `{4: {learning_rate: 0.03}}`
    changes the learning rate before the fourth epoch."""

    @model_validator(mode="after")
    def _changes_apply(self) -> TrainSpec:
        if said := wrong(self.changes, self.epochs, self.optimizer):
            raise ValueError(said)
        return self

    @property
    def peak(self) -> float:
        """The learning rate, which must be a number by now."""
        assert self.learning_rate != "auto", "the range test comes first"
        return self.learning_rate

    def at(self, epoch: int) -> TrainSpec:
        """The spec with the values that apply in an epoch, counted from 1."""
        return self.model_copy(update=held(self.changes, epoch))

    def until(self, epoch: int) -> TrainSpec:
        """The spec of a training that ends after this epoch (counted from 1) and is otherwise the same."""
        changes = {start: change for start, change in self.changes.items() if start <= epoch}
        return self.model_copy(update={"epochs": min(epoch, self.epochs), "changes": changes})
