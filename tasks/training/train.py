"""Training: lowers an objective, keeps the best validation epoch, and goes on where it was after a crash."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core import Progress, Update
from tasks.kernels.training.learning_curve import Epoch, minutes_of
from tasks.training.train_spec import TrainSpec
from tasks.training.trainer import Trainer, identity_of
from tasks.training.training_data import Stopped, TrainingData, TrainingResult

if TYPE_CHECKING:
    from torch import nn

    from tasks.kernels.training.loops import Objective

OnEpoch = Callable[[Epoch], bool | None]
"""Called after every epoch; True asks the training to stop."""


def train(
    model: nn.Module,
    data: TrainingData,
    spec: TrainSpec,
    *,
    objective: Objective | None = None,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch | None = None,
    keep_start: bool = False,
    origin: tuple[int, Path] | None = None,
) -> TrainingResult:
    """Trains `model` in place and leaves the weights of the best validation epoch in it, in evaluation mode.

    Best is the best score by `data.metric`; between equal scores, the lower validation loss; then the earlier epoch.

    Args:
        objective: what a step lowers; by default cross-entropy for integer targets, else mean squared error.
        checkpoint: a file that is rewritten after every epoch. When it is there and belongs to this training
            (same spec, metric, starting parameters, shapes and targets; name the file after all else, the
            objective for one), training goes on after it, and ends with the same bits as without the
            interruption unless `minutes` cuts in. A finished one is answered from the file. The caller
            deletes it.
        on_epoch: called after every epoch, at first with those of a checkpoint; True asks to stop.
        keep_start: whether the starting weights take part, as epoch 0: the result is never worse than they.
        origin: a number of epochs, and the checkpoint of a training that had `spec.until` so many and ended: this
            one goes on from there. It ends with the same bits as without it if the schedule is constant and
            neither early stopping nor `minutes` ends it. Not read where `checkpoint` goes on; one that is absent,
            or another training's, is passed over.

    Raises:
        Refusal: the loss is not finite in the first epoch (later, the best epoch before it is kept), nothing
            can be trained, or the metric has no value on the validation split.
    """
    trainer = Trainer(model, data, spec, objective)
    identity = identity_of(trainer, keep_start) if checkpoint else ""
    note = trainer.resume(checkpoint, identity) if checkpoint else ""
    if origin and not trainer.curve:
        epochs, path = origin
        trainer.resume(path, identity_of(trainer, keep_start, spec.until(epochs)))
    if keep_start and not trainer.curve:
        trainer.validate(0, None, time.monotonic())
    seen = [on_epoch(epoch) for epoch in trainer.curve if epoch.number] if on_epoch else []
    stopped: Stopped | None = "told to stop" if any(seen) else trainer.verdict()
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


def report_epochs(progress: Progress, epochs: int, metric: str) -> OnEpoch:
    """An `on_epoch` that reports each epoch's validation score and the best so far.

    Args:
        epochs: how many the training has at most.
    """
    from tasks.kernels.statistics.metrics import METRICS

    scores: list[float] = []
    best = min if METRICS[metric].lower_is_better else max

    def on_epoch(epoch: Epoch) -> None:
        scores.append(epoch.validation_score)
        note = f"validation {metric} {scores[-1]:.4f}, best {best(scores):.4f}"
        progress(Update(epoch.number, epochs, note, score=scores[-1]))

    return on_epoch
