"""Trainer: the state of a running training, its single epochs and its checkpoint."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import Refusal, digest_of, write_atomically
from tasks.evaluation.metric_choice import metric_of
from tasks.kernels.training.learning_curve import Curve, Epoch, best_epoch, epochs_without_improvement, minutes_of
from tasks.training.speed.memory import out_of_memory
from tasks.training.speed.precision import choose_precision, optimizer_of
from tasks.training.speed.resizing import check_small_images
from tasks.training.training_data import class_weights, draw_batches, epoch_examples, layer_groups_of
from tasks.training.validation import validate

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tasks.kernels.training.loops import LossNotFinite, Objective
    from tasks.kernels.training.precision_choice import PrecisionChoice
    from tasks.training.train_spec import TrainSpec
    from tasks.training.training_data import Stopped, TrainingData

REMEDIES = "lower train.learning_rate, set train.clip_norm (1 is usual), or look for NaN in the inputs"


class Trainer:
    """A running training: the model, the optimizer, the learning curve so far and the best weights so far.

    Raises:
        Refusal: the model has no parameter that can be trained, or does not take the images of `progressive_resizing`.
    """

    def __init__(self, model: nn.Module, data: TrainingData, spec: TrainSpec, objective: Objective | None) -> None:
        from tasks.kernels.training import layer_groups, loops, losses
        from tasks.kernels.training.weight_average import WeightAverage

        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise Refusal(f"{type(model).__name__} has no parameter that can be trained")
        self.model, self.data, self.spec = model, data, spec
        self.lower_is_better = metric_of(data.metric).lower_is_better
        self.objective = objective or losses.supervised(spec.label_smoothing, data.quantile, class_weights(data, spec))
        self.optimizer = optimizer_of(model, spec)
        self.layers = layer_groups_of(model, data, spec)
        if self.layers:
            layer_groups.split_groups(self.optimizer, self.layers.scales())
        if spec.progressive_resizing is not None:
            check_small_images(model, data.transform(data.inputs[:2].clone()), spec.progressive_resizing)
        self.curve: Curve = ()
        self.best: dict[str, Tensor] = {}
        self.divergence = ""
        self.arithmetic: PrecisionChoice | None = None
        """What was measured for `precision: auto`."""
        loops.set_memory_layout(model, channels_last=True)
        self.average = WeightAverage(model, spec.ema) if spec.ema else None

    @property
    def precision(self) -> str:
        """The name of the arithmetic of the steps: the spec's, or the one that was chosen for `auto`."""
        return self.arithmetic.chosen if self.arithmetic else self.spec.precision

    def settle_precision(self) -> None:
        """Measures and chooses the arithmetic for `precision: auto`, unless a checkpoint brought the choice."""
        if self.spec.precision == "auto" and self.arithmetic is None:
            self.arithmetic = choose_precision(self.model, self.data, self.spec, self.objective)

    def verdict(self) -> Stopped | None:
        """Why the training ends after the last epoch; None when it continues. Depends on the curve and spec alone."""
        spec, stopping = self.spec, self.spec.early_stopping
        if self.curve and self.curve[-1].number >= spec.epochs:
            return "epochs"
        if stopping:
            waited = epochs_without_improvement(self.curve, stopping.min_delta, self.lower_is_better)
            if waited >= stopping.patience:
                return "early stopping"
        if spec.minutes is not None and minutes_of(self.curve) >= spec.minutes:
            return "minutes"
        return None

    def train_epoch(self) -> Epoch | None:
        """Trains and validates the next epoch. Returns None when a loss is not finite.

        Raises:
            InputError: a batch does not fit into the GPU's memory.
            Refusal: the metric is not defined on the validation split.
        """
        import torch

        from tasks.kernels.training import loops, optimizers
        from tasks.kernels.training.step_rules import StepRules

        number, start = self.curve[-1].number + 1 if self.curve else 1, time.monotonic()
        data, spec = self.data, self.spec.at(number)
        optimizers.set_hyperparameters(self.optimizer, momentum=spec.momentum, weight_decay=spec.weight_decay)
        frozen = self.layers.frozen(number) if self.layers else contextlib.nullcontext()
        with loops.seeded(spec.seed, number, data.device) as generator, frozen:
            batches = draw_batches(data, spec, generator)
            try:
                loss = loops.train_epoch(
                    self.model,
                    epoch_examples(self.model, data, spec, number, generator, self._image_share(number)),
                    batches,
                    self.optimizer,
                    objective=self.objective,
                    rate=lambda batch: self._rate(spec.peak, number - 1 + batch / len(batches), start),
                    rules=StepRules(
                        getattr(torch, self.precision), spec.accumulate, spec.clip_norm, spec.l1, self.average
                    ),
                    deadline=start + self._seconds_left(),
                )
            except loops.LossNotFinite as answer:
                self.divergence = describe_divergence(number, len(batches), answer)
                return None
            except torch.OutOfMemoryError as error:
                raise out_of_memory(self.model, data, spec) from error
        return self.validate(number, loss, start)

    def _seconds_left(self) -> float:
        return math.inf if self.spec.minutes is None else 60 * (self.spec.minutes - minutes_of(self.curve))

    def _image_share(self, number: int) -> float:
        """The share of their sides that the images of an epoch have."""
        from tasks.kernels.training.image_sizes import share_at

        spec = self.spec
        if spec.progressive_resizing is None:
            return 1.0
        spent = 0.0 if spec.minutes is None else minutes_of(self.curve) / spec.minutes
        return share_at(spec.progressive_resizing, max((number - 1) / spec.epochs, spent))

    def _rate(self, peak: float, epochs: float, start: float) -> float:
        """The learning rate at a moment of the training.

        Args:
            peak: the schedule's highest learning rate.
            epochs: number of epochs so far, with the fraction of the running one.
            start: when the running epoch began (`time.monotonic` seconds).
        """
        from tasks.kernels.training.rate_schedules import RateSchedule

        spec = self.spec
        progress = epochs / spec.epochs
        if spec.minutes is not None:
            clock = minutes_of(self.curve) + (time.monotonic() - start) / 60
            progress = max(progress, min(1.0, clock / spec.minutes))
        every = spec.step_epochs / spec.epochs if spec.step_epochs else 1 / 3
        return RateSchedule(spec.schedule, spec.warm_up / spec.epochs, every, spec.step_factor).at(peak, progress)

    def validate(self, number: int, train_loss: float | None, start: float) -> Epoch | None:
        """Validates the model, adds the epoch to the curve, and keeps its weights when it is the best so far.

        Returns None and adds nothing when a loss is not finite.

        Args:
            number: the epoch, counted from 1; 0 for the starting weights.
            train_loss: the epoch's mean training loss; None for the starting weights.
            start: when the epoch began (`time.monotonic` seconds).
        """
        with self.average.applied(self.model) if self.average else contextlib.nullcontext():
            found = validate(self.model, self.data)
            if found is None:
                place = f"after epoch {number} at learning rate {self.spec.at(number).peak:.3g}"
                self.divergence = f"the validation loss is not finite {place}: {REMEDIES}"
                return None
            group = self.optimizer.param_groups[0]
            rate = group["lr"] / group.get("rate_scale", 1.0)
            epoch = Epoch(number, train_loss, found.loss, found.score, rate, time.monotonic() - start)
            self.curve = (*self.curve, epoch)
            if best_epoch(self.curve, self.lower_is_better) is epoch:
                self.best = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        return epoch

    def finish(self) -> Epoch:
        """Loads the best weights into the model, frees its gradients, and returns the best epoch.

        Raises:
            Refusal: there is none, because the loss was not finite in the first epoch.
        """
        from tasks.kernels.training import loops

        if not self.curve:
            raise Refusal(f"{type(self.model).__name__} cannot be trained so: {self.divergence}")
        self.optimizer.zero_grad(set_to_none=True)
        self.model.load_state_dict(self.best)
        self.model.eval()
        loops.set_memory_layout(self.model, channels_last=False)
        return best_epoch(self.curve, self.lower_is_better)

    def save(self, path: Path, identity: str) -> None:
        """Writes the checkpoint atomically; `identity` is that of `identity_of`."""
        from tasks.kernels.training import checkpoints

        content: dict[str, Any] = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "curve": [dataclasses.asdict(epoch) for epoch in self.curve],
        }
        if self.arithmetic:
            content["arithmetic"] = dataclasses.asdict(self.arithmetic)
        if self.average:
            content["average"] = {"state": self.average.state, "steps": self.average.steps}
        write_atomically(path, checkpoints.pack_checkpoint(identity, content))

    def resume(self, path: Path, identity: str) -> str:
        """Restores the state from a checkpoint, if the file exists and has this identity.

        Returns:
            Empty, or a sentence when the file exists but cannot be used.
        """
        from tasks.kernels.training import checkpoints
        from tasks.kernels.training.precision_choice import PrecisionChoice

        if not path.exists():
            return ""
        try:
            content = checkpoints.unpack(identity, path.read_bytes(), self.data.device)
        except checkpoints.CheckpointMismatch as answer:
            return f"training began anew: the checkpoint {path} {answer}"
        self.model.load_state_dict(content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        if self.average:
            self.average.state, self.average.steps = content["average"]["state"], content["average"]["steps"]
        if measured := content.get("arithmetic"):
            self.arithmetic = PrecisionChoice(**measured)
        self.best = content["best"]
        self.curve = tuple(Epoch(**epoch) for epoch in content["curve"])
        return ""


def describe_divergence(epoch: int, batches: int, answer: LossNotFinite) -> str:
    """Where the training loss was not finite, and what to try."""
    place = f"epoch {epoch}, batch {answer.batch} of {batches}, at learning rate {answer.rate:.3g}"
    return f"the loss is not finite in {place}: {REMEDIES}"


def identity_of(trainer: Trainer, keep_start: bool, spec: TrainSpec | None = None) -> str:
    """Digest of what determines a training's result: spec, metric, starting parameters, shapes and targets.

    Args:
        trainer: the training, before its first epoch.
        keep_start: whether the starting weights count as epoch 0.
        spec: the spec of another training that is otherwise the same; by default the trainer's own.
    """
    from tasks.kernels.training.checkpoints import fingerprint

    data = trainer.data
    return digest_of(
        {
            "version": 1,
            "spec": (spec or trainer.spec).model_dump(mode="json"),
            "metric": dataclasses.asdict(data.metric),
            "keep_start": keep_start,
            "state": [[name, list(tensor.shape)] for name, tensor in trainer.model.state_dict().items()],
            "parameters": [fingerprint(parameter) for parameter in trainer.model.parameters()],
            "inputs": [[str(x.dtype), list(x.shape)] for x in (data.inputs, data.validation_inputs)],
            "targets": [fingerprint(data.targets), fingerprint(data.validation_targets)],
            "augmented": data.augment is not None,
        }
    )
