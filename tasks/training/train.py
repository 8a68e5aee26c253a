"""Training: lowers an objective, keeps the best validation epoch, and goes on where it was after a crash."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.kernels.training.learning_curve import Epoch, minutes_of
from tasks.training.train_spec import TrainSpec
from tasks.training.trainer import Trainer, identity_of
from tasks.training.training_data import TrainingData, TrainingResult

if TYPE_CHECKING:
    from torch import nn

    from tasks.kernels.training.loops import Objective


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
    origin: tuple[int, Path] | None = None,
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
        origin: a number of epochs, and the checkpoint of a training that had `spec.until` so many and ended: this
            one goes on from there. It ends with the same bits as without it if the schedule is constant and
            neither early stopping nor `minutes` ends it. Not read where `checkpoint` goes on; one that is absent,
            or another training's, is passed over.

    Raises:
        Refusal: the loss is not finite in the first epoch (later, the best epoch before it is kept), nothing
            can be trained, or the metric has no value on the validation split.
    """
    trainer = Trainer(model, data, spec, metric, objective)
    identity = identity_of(trainer, keep_start) if checkpoint else ""
    note = trainer.resume(checkpoint, identity) if checkpoint else ""
    if origin and not trainer.curve:
        epochs, path = origin
        trainer.resume(path, identity_of(trainer, keep_start, spec.until(epochs)))
    if keep_start and not trainer.curve:
        trainer.validate(0, None, time.monotonic())
    stopped = trainer.verdict()
    while stopped is None:
        epoch = trainer.train_epoch()
        if epoch is None:
            stopped = "diverged"
            break
        if checkpoint:
            trainer.save(checkpoint, identity)
        stopped = "told to stop" if on_epoch and on_epoch(epoch) else trainer.verdict()
    best = trainer.finish()
    return TrainingResult(trainer.curve, best.number, stopped, minutes_of(trainer.curve), note)
