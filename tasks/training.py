"""Training: lowers an objective, keeps the best validation epoch, and goes on where it was after a crash."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tasks.artifacts import LOWER_IS_BETTER, Refusal, Spec, digest_of, write_atomically
from tasks.kernels.curves import Curve, Epoch, best_of, minutes_of, standstill
from tasks.validation import validate

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tasks.kernels.loops import Augment, Objective, Transform

__all__ = ["EarlyStopping", "Epoch", "TrainSpec", "TrainingData", "TrainingResult", "train"]

Optimizer = Literal["sgd", "adam", "adamw", "adagrad", "rmsprop"]
Schedule = Literal["constant", "cosine", "one_cycle"]
Stopped = Literal["epochs", "early stopping", "minutes", "diverged", "told to stop"]


class EarlyStopping(Spec):
    """Ends training when the validation score stands still."""

    patience: int = Field(default=5, ge=1, le=10_000)
    """Epochs in a row without an improvement before training stops."""
    min_delta: float = Field(default=0.0, ge=0)
    """Smallest change of the score that counts as an improvement, in the metric's own unit."""


class TrainSpec(Spec):
    """How a network is trained."""

    epochs: int = Field(default=30, ge=1, le=10_000)
    """Passes over the training data, at most."""
    minutes: float | None = Field(default=None, gt=0)
    """Time for training and validation, at most; the learning rate then follows the clock wherever the clock
    is ahead of the epochs, so that its schedule always reaches its end."""
    batch_size: int = Field(default=128, ge=1, le=65_536)
    """Examples in one step."""
    optimizer: Optimizer = "adamw"
    """The rule that turns gradients into steps."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """The schedule's highest learning rate."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of sgd; the other optimizers do not use it."""
    weight_decay: float = Field(default=1e-4, ge=0)
    """Pull of all weights towards zero: decoupled in adamw, in the gradient elsewhere."""
    schedule: Schedule = "cosine"
    """How the learning rate moves over the run."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of each class target that is spread over all classes; regression does not use it."""
    early_stopping: EarlyStopping | None = EarlyStopping()
    """When to stop before the last epoch; null never does."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the training steps; weights and validation stay in float32."""
    seed: int = Field(default=0, ge=0)
    """Seed of the shuffling, the augmentation and dropout."""


@dataclass(frozen=True)
class TrainingData:
    """Tensors on the training device.

    Images are compact: raw pixels, uint8 or float32, (count, channels, height, width); tables are float32
    (count, features). Targets are int64 class indices or float32 numbers, (count,).
    """

    inputs: Tensor
    targets: Tensor
    validation_inputs: Tensor
    validation_targets: Tensor
    transform: Transform
    """Compact batch -> what the network sees (float): normalization, for example."""
    augment: Augment | None = None
    """Compact batch, generator -> compact batch; training examples only."""


@dataclass(frozen=True)
class TrainingResult:
    """What happened. The model itself was trained in place."""

    curve: Curve
    best_epoch: int
    """Number of the epoch whose weights the model has."""
    stopped: Stopped
    minutes: float
    """Training and validation, over all calls that continued one another."""
    note: str = ""
    """Why an existing checkpoint was not continued, if so."""


def train(
    model: nn.Module,
    data: TrainingData,
    spec: TrainSpec,
    *,
    metric: str = "accuracy",
    objective: Objective | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], bool | None] | None = None,
    keep_start: bool = False,
) -> TrainingResult:
    """Trains `model` in place and leaves the weights of the best validation epoch in it, in evaluation mode.

    Best is the best `metric`; between equal scores, the lower validation loss; then the earlier epoch.

    Args:
        objective: what a step lowers; by default cross-entropy for integer targets, else mean squared error.
        checkpoint: a file that is rewritten after every epoch. When it is there and belongs to this training
            (same spec, metric, starting parameters, shapes and targets; name the file after all else, the
            objective for one), training goes on after it, and ends with the same bits as without the
            interruption unless `minutes` cuts in. A finished one is answered from the file. The caller
            deletes it.
        on_epoch: called after every epoch that this call trained; True asks to stop.
        keep_start: whether the starting weights take part, as epoch 0: the result is never worse than they.

    Raises:
        Refusal: the loss is not finite in the first epoch (later, the best epoch before it is kept), nothing
            can be trained, or the metric has no value on the validation split.
    """
    run = _Run(model, data, spec, metric, objective)
    identity = _identity(run, keep_start) if checkpoint else ""
    note = run.resume(checkpoint, identity) if checkpoint else ""
    if keep_start and not run.curve:
        run.validate(0, None, time.monotonic())
    stopped = run.verdict()
    while stopped is None:
        epoch = run.train_epoch()
        if epoch is None:
            stopped = "diverged"
            break
        if checkpoint:
            run.save(checkpoint, identity)
        stopped = "told to stop" if on_epoch and on_epoch(epoch) else run.verdict()
    best = run.finish()
    return TrainingResult(run.curve, best.number, stopped, minutes_of(run.curve), note)


class _Run:
    """One training under way: the model, its optimizer, the curve so far and the best weights so far."""

    def __init__(
        self, model: nn.Module, data: TrainingData, spec: TrainSpec, metric: str, objective: Objective | None
    ) -> None:
        from tasks.kernels import loops, objectives

        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise Refusal(f"{type(model).__name__} has no parameter that can be trained")
        self.model, self.data, self.spec, self.metric = model, data, spec, metric
        self.lower_is_better = metric in LOWER_IS_BETTER
        self.objective = objective or objectives.supervised(spec.label_smoothing)
        self.optimizer = loops.make_optimizer(
            spec.optimizer, model, spec.learning_rate, momentum=spec.momentum, weight_decay=spec.weight_decay
        )
        self.curve: Curve = ()
        self.best: dict[str, Tensor] = {}
        loops.arrange(model, channels_last=True)

    def verdict(self) -> Stopped | None:
        """Why the training ends here, or None when it goes on; it depends on the curve and the spec alone."""
        spec, stopping = self.spec, self.spec.early_stopping
        if self.curve and self.curve[-1].number >= spec.epochs:
            return "epochs"
        if stopping:
            waited = standstill(self.curve, stopping.min_delta, self.lower_is_better)
            if waited >= stopping.patience:
                return "early stopping"
        if spec.minutes is not None and minutes_of(self.curve) >= spec.minutes:
            return "minutes"
        return None

    def train_epoch(self) -> Epoch | None:
        """Trains and validates the next epoch; None when its loss is not finite."""
        import torch

        from tasks.kernels import loops

        data, spec = self.data, self.spec
        number, start = self.curve[-1].number + 1 if self.curve else 1, time.monotonic()
        with loops.seeded(spec.seed, number, data.inputs.device) as generator:
            batches = loops.shuffled_batches(len(data.inputs), spec.batch_size, generator)
            loss = loops.train_epoch(
                self.model,
                data.inputs,
                data.targets,
                batches,
                self.optimizer,
                objective=self.objective,
                rate=lambda step: self._rate(number - 1 + step / len(batches), start),
                transform=data.transform,
                augment=data.augment,
                generator=generator,
                precision=getattr(torch, spec.precision),
                deadline=start + self._seconds_left(),
            )
        return self.validate(number, loss, start)

    def _seconds_left(self) -> float:
        return math.inf if self.spec.minutes is None else 60 * (self.spec.minutes - minutes_of(self.curve))

    def _rate(self, epochs: float, start: float) -> float:
        """The learning rate after so many epochs, in an epoch that began at `start`."""
        from tasks.kernels import loops

        progress = epochs / self.spec.epochs
        if self.spec.minutes is not None:
            clock = minutes_of(self.curve) + (time.monotonic() - start) / 60
            progress = max(progress, min(1.0, clock / self.spec.minutes))
        return loops.learning_rate(self.spec.schedule, self.spec.learning_rate, progress)

    def validate(self, number: int, train_loss: float | None, start: float) -> Epoch | None:
        """Adds the epoch to the curve, and keeps its weights when it is the best so far.

        None when a loss is not finite, and then nothing changes.
        """
        if train_loss is not None and not math.isfinite(train_loss):
            return None
        found = validate(self.model, self.data, self.metric)
        if found is None:
            return None
        rate = self.optimizer.param_groups[0]["lr"]
        epoch = Epoch(number, train_loss, found.loss, found.score, rate, time.monotonic() - start)
        self.curve = (*self.curve, epoch)
        if best_of(self.curve, self.lower_is_better) is epoch:
            self.best = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        return epoch

    def finish(self) -> Epoch:
        """Puts the best weights into the model, frees its gradients, and returns the best epoch."""
        from tasks.kernels import loops

        if not self.curve:
            raise Refusal(
                f"the loss of {type(self.model).__name__} is not finite in the first epoch at learning rate "
                f"{self.spec.learning_rate:g}: lower the learning rate, or look for NaN in the inputs"
            )
        self.optimizer.zero_grad(set_to_none=True)
        self.model.load_state_dict(self.best)
        self.model.eval()
        loops.arrange(self.model, channels_last=False)
        return best_of(self.curve, self.lower_is_better)

    def save(self, path: Path, identity: str) -> None:
        """Writes the checkpoint: all of it or nothing."""
        from tasks.kernels import checkpoints

        content = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "curve": [dataclasses.asdict(epoch) for epoch in self.curve],
        }
        write_atomically(path, checkpoints.pack(identity, content))

    def resume(self, path: Path, identity: str) -> str:
        """Goes back to the checkpoint, if one is there; returns why not, if it is not this training's."""
        from tasks.kernels import checkpoints

        if not path.exists():
            return ""
        try:
            content = checkpoints.unpack(identity, path.read_bytes(), self.data.inputs.device)
        except checkpoints.NotOurs as answer:
            return f"training began anew: the checkpoint {path} {answer}"
        self.model.load_state_dict(content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.best = content["best"]
        self.curve = tuple(Epoch(**epoch) for epoch in content["curve"])
        return ""


def _identity(run: _Run, keep_start: bool) -> str:
    """Digest of what decides the training's bits: spec, metric, starting parameters, shapes and targets."""
    from tasks.kernels.checkpoints import fingerprint

    data = run.data
    return digest_of(
        {
            "version": 1,
            "spec": run.spec.model_dump(mode="json"),
            "metric": run.metric,
            "keep_start": keep_start,
            "state": [[name, list(tensor.shape)] for name, tensor in run.model.state_dict().items()],
            "parameters": [fingerprint(parameter) for parameter in run.model.parameters()],
            "inputs": [[str(x.dtype), list(x.shape)] for x in (data.inputs, data.validation_inputs)],
            "targets": [fingerprint(data.targets), fingerprint(data.validation_targets)],
            "augmented": data.augment is not None,
        }
    )
