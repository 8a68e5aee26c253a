"""Training loop: minimizes an objective, keeps the best validation epoch, and continues from a checkpoint."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core import Candidate, Context, MetricSpec, Progress, Refusal, Step, Update
from tasks.evaluation.metric_choice import metric_of
from tasks.kernels.host.freed_memory import keep_freed_memory
from tasks.kernels.training.learning_curve import Epoch, minutes_of
from tasks.models.factory import build_network
from tasks.training.reloading import store_network
from tasks.training.speed.memory import check_memory
from tasks.training.train_spec import TrainSpec
from tasks.training.trainer import REMEDIES, Trainer, identity_of
from tasks.training.training_data import (
    Stopped,
    TrainingData,
    TrainingInputs,
    TrainingResult,
    draw_batches,
    epoch_examples,
    load_training_data,
)

if TYPE_CHECKING:
    from torch import nn

    from tasks.kernels.training.loops import Objective
    from tasks.kernels.training.rate_range import RateRange

OnEpoch = Callable[[Epoch], bool | None]
"""Called after every epoch; when it returns True, the training stops."""


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
    """Trains `model` in place; at the end it has the weights of the best validation epoch and is in evaluation mode.

    The best epoch has the best score by `data.metric`; between equal scores, the lower validation loss; then it is the
    earlier one.

    Args:
        model: the network, on the device of `data`.
        data: the tensors and the metric.
        spec: the training; with the learning rate `auto`, a range test comes first and is part of the result.
        objective: the function that is minimized; by default cross-entropy for integer targets, otherwise mean squared
            error, or for `quantile_loss` that loss.
        checkpoint: a file that is rewritten after every epoch. When it exists and belongs to this training, the
            training continues from it and, unless `minutes` ends it, has the same result bit for bit as without the
            interruption; a finished training is only read from it. It belongs to this training when spec, metric,
            starting parameters, shapes and targets are equal. Everything else that matters, for example the objective,
            must be part of the file's name. The caller deletes the file.
        on_epoch: called after every epoch, at first with those of a checkpoint; True stops the training.
        keep_start: whether the starting weights count as epoch 0, so that the result is never worse than they are.
        origin: (epochs, checkpoint of a finished training with the spec `spec.until(epochs)`), from which this training
            continues. The result is the same bit for bit as without it if the schedule is constant and neither early
            stopping nor `minutes` ends the training. Not used when `checkpoint` is continued; ignored when the file is
            missing or belongs to another training.

    Raises:
        InputError: a batch does not fit into memory.
        Refusal: the loss is not finite in the first epoch (in a later one, the training ends with the best epoch before
            it), no learning rate lowers it in a range test, nothing can be trained, a name in `class_weights` is no
            class, or the metric is not defined on the validation split.
    """
    keep_freed_memory()
    spec, tested = settle_rate(model, data, spec, objective)
    trainer = Trainer(model, data, spec, objective)
    identity = identity_of(trainer, keep_start) if checkpoint else ""
    note = trainer.resume(checkpoint, identity) if checkpoint else ""
    if origin and not trainer.curve:
        epochs, path = origin
        trainer.resume(path, identity_of(trainer, keep_start, spec.until(epochs)))
    if keep_start and not trainer.curve:
        trainer.validate(0, None, time.monotonic())
    save = partial(trainer.save, checkpoint, identity) if checkpoint else None
    stopped = run_epochs(trainer, on_epoch, save)
    best = trainer.finish()
    minutes = minutes_of(trainer.curve)
    return TrainingResult(
        trainer.curve, best.number, stopped, minutes, trainer.divergence, tested, trainer.arithmetic, note
    )


def run_epochs(trainer: Trainer, on_epoch: OnEpoch | None, save: Callable[[], None] | None) -> Stopped:
    """Trains epoch by epoch from where the trainer is, and returns why the training ended.

    Args:
        trainer: the training, at its beginning or resumed.
        on_epoch: as in `train`.
        save: called after every epoch.
    """
    seen = [on_epoch(epoch) for epoch in trainer.curve if epoch.number] if on_epoch else []
    stopped: Stopped | None = "told to stop" if any(seen) else trainer.verdict()
    if stopped is None:
        check_memory(trainer.model, trainer.data, trainer.spec)
        trainer.settle_precision()
    while stopped is None:
        epoch = trainer.train_epoch()
        if epoch is None:
            return "diverged"
        if save:
            save()
        stopped = "told to stop" if on_epoch and on_epoch(epoch) else trainer.verdict()
    return stopped


def settle_rate(
    model: nn.Module, data: TrainingData, spec: TrainSpec, objective: Objective | None
) -> tuple[TrainSpec, RateRange | None]:
    """The spec with the learning rate that a range test chooses, and the test; the spec itself where it has a rate.

    The model has its own weights again afterwards. The test depends on weights, data and spec alone, so a training
    that is resumed makes it once more and gets the same rate.

    Raises:
        Refusal: no rate lowers the loss.
    """
    from tasks.kernels.training import loops, rate_range

    if spec.learning_rate != "auto":
        return spec, None
    own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trial = spec.model_copy(update={"learning_rate": rate_range.LOWEST, "accumulate": 1})
    trainer = Trainer(model, data, trial, objective)
    with loops.seeded(spec.seed, 0, data.device) as generator:
        batches = draw_batches(data, trial, generator)
        examples = epoch_examples(model, data, trial, 0, generator)
        found = rate_range.sweep_rates(model, examples, batches, trainer.optimizer, trainer.objective)
    trainer.optimizer.zero_grad(set_to_none=True)
    model.load_state_dict(own)
    if found is None:
        raise Refusal(f"no learning rate from {rate_range.LOWEST:g} lowers the loss in a range test: {REMEDIES}")
    return spec.model_copy(update={"learning_rate": found.chosen}), found


def report_epochs(progress: Progress, epochs: int, spec: MetricSpec) -> OnEpoch:
    """An `on_epoch` callback that reports each epoch's validation score and the best score so far.

    Args:
        progress: called with an update after every epoch.
        epochs: most epochs of the training.
        spec: the metric.
    """
    scores: list[float] = []
    metric = metric_of(spec)
    best = min if metric.lower_is_better else max

    def on_epoch(epoch: Epoch) -> None:
        scores.append(epoch.validation_score)
        note = f"validation {metric.title} {scores[-1]:.4f}, best {best(scores):.4f}"
        progress(Update(epoch.number, epochs, note, score=scores[-1]))

    return on_epoch


def train_further(
    start: Candidate,
    technique: str,
    spec: TrainSpec,
    inputs: TrainingInputs,
    context: Context,
    *,
    keep_start: bool = False,
) -> Candidate:
    """Trains a stored network further, and stores it as the next step of its lineage.

    Args:
        start: the network as it was.
        technique: the name of the step.
        spec: the training.
        inputs: the data, the augmentation and the metric.
        context: its checkpoint file is rewritten after every epoch; a killed training continues from it.
        keep_start: as `train`.

    Raises:
        InputError: the network answers otherwise once it is loaded.
        Refusal: as `train`.
    """
    store, made = context.store, (start.factory, start.arguments)
    network = build_network(*made)
    network.load_state_dict(store.get_state(start.content))
    result = train(
        network.to(context.workspace.device),
        load_training_data(inputs, context),
        spec,
        checkpoint=context.checkpoint,
        on_epoch=report_epochs(context.progress, spec.epochs, inputs.metric),
        keep_start=keep_start,
    )
    content, parity = store_network(network, build_network(*made), inputs.prepared, store)
    knobs = {**inputs.knobs, "train": spec.model_dump(mode="json")}
    record = store.put_json({**dataclasses.asdict(result), "parity": parity})
    return start.after(Step(technique, 1, knobs, None, record, start.digest), content)
