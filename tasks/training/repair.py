"""Repair: stages that improve a compressed network without training; each is validated, and kept if it helps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.evaluation.metric_choice import metric_of
from tasks.training.validation import Validation, validate

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tasks.training.training_data import TrainingData

STATISTICS = 16
"""Most batches for recomputing batch-norm statistics; 64 were no better than 4 (docs/techniques/recover.md)."""
EXAMPLES = 1024
"""Most training examples for fitting layers in closed form."""


@dataclass(frozen=True)
class RepairStage:
    """The result of one stage of a repair."""

    rung: str
    """Name of the stage; the field's name is that of records in the store."""
    score: float | None
    """The metric on the validation split; None when the loss is not finite or the stage was left out."""
    loss: float | None
    """The validation loss; None as for `score`."""
    seconds: float
    """Duration of the stage and its validation."""
    best: bool
    """Whether it scored better than all stages before it."""
    note: str = ""
    """What was done, or why the stage was left out."""


class Repair:
    """A running repair: the student, the results of its stages, and the weights of the best stage so far."""

    def __init__(self, student: nn.Module, data: TrainingData) -> None:
        self.student, self.data, self.metric = student, data, metric_of(data.metric)
        self.stages: list[RepairStage] = []
        self.best: Validation | None = None
        self.state: dict[str, Tensor] = {}

    def attempt(self, name: str, repair: Callable[[], str]) -> None:
        """Executes one stage, from the best weights so far, and keeps its result only if it scores better.

        Args:
            name: name of the stage.
            repair: changes the student in place and returns a note on what it did. It raises `NotRepaired`, before any
                change, when the stage cannot be applied; then the stage is left out.
        """
        started = time.monotonic()
        try:
            note = repair()
        except NotRepaired as reason:
            self.stages.append(RepairStage(name, None, None, time.monotonic() - started, False, str(reason)))
            return
        found = validate(self.student, self.data)
        better = found is not None and (self.best is None or found.order(self.metric) < self.best.order(self.metric))
        if better or not self.state:
            self.best = found
            self.state = {key: tensor.clone() for key, tensor in self.student.state_dict().items()}
        else:
            self.student.load_state_dict(self.state)
        score, loss = found or (None, None)
        self.stages.append(RepairStage(name, score, loss, time.monotonic() - started, better, note))

    def is_within(self, margin: float | None, teacher: nn.Module) -> bool:
        """Whether the best score is worse than the teacher's by at most the margin; False without a margin."""
        if margin is None or self.best is None:
            return False
        guide = validate(teacher, self.data)
        return guide is not None and self.metric.loss(self.best.score, guide.score) <= margin


class NotRepaired(Exception):  # noqa: N818 - a regular outcome, not an error
    """A stage cannot be applied to the student; the message says why."""


def recalibrate(model: nn.Module, data: TrainingData, batch_size: int, seed: int) -> str:
    """Recomputes the batch-norm statistics, in place, from random training examples, augmented as in training.

    The augmentation matters: on a dense ResNet-20 trained with padded crops, statistics from images without them cost
    3.6 points of accuracy.

    Args:
        model: the network.
        data: the training examples, on the model's device.
        batch_size: examples in one batch.
        seed: of the choice and the augmentation of the examples.

    Returns:
        A note on the number of layers and batches.

    Raises:
        NotRepaired: the model has no batch norm with running statistics.
    """
    from tasks.kernels.graph import layers
    from tasks.kernels.training import loops

    norms = [layer for layer in model.modules() if isinstance(layer, layers.BATCH_NORMS) and layer.track_running_stats]
    if not norms:
        raise NotRepaired("it has no batch norm")
    with loops.seeded(seed, 0, data.inputs.device) as generator:
        batches = loops.shuffled_batches(len(data.inputs), batch_size, generator)
        whole = [indices for indices in batches if len(indices) == len(batches[0])][:STATISTICS]
        examples = loops.BatchSource(data.inputs, data.targets, data.transform, data.augment, generator)
        loops.recalibrate_batch_norm(model, (examples.batch(indices)[0] for indices in whole))
    return f"{len(norms)} batch norms on {len(whole)} batches"


def reconstruct_layers(
    student: nn.Module, teacher: nn.Module, data: TrainingData, kept: Mapping[str, Sequence[int]] | None, seed: int
) -> str:
    """Fits the student's layers in closed form to the teacher's layer outputs, in place, on random training examples.

    Args:
        student: the network to be repaired.
        teacher: the network before compression, on the same device.
        data: the training examples; at most EXAMPLES of them, without augmentation, are used.
        kept: layer name → indices of the teacher's output channels that the student's narrower layer still has; None
            when the layers do not correspond.
        seed: of the choice of examples.

    Returns:
        A note on the number of layers and examples.

    Raises:
        NotRepaired: no layer corresponds to one of the teacher's, or a network cannot be traced.
    """
    from tasks.kernels.graph.tracing import TraceError
    from tasks.kernels.reconstruction import layerwise
    from tasks.kernels.training import loops

    if kept is None:
        raise NotRepaired("nothing changed since its last training, or its layers are not the teacher's")
    with loops.seeded(seed, 0, data.inputs.device) as generator:
        order = loops.shuffled_batches(len(data.inputs), EXAMPLES, generator)[0]
    try:
        most = layerwise.examples_in_memory(teacher, data.transform(data.inputs[order[:2]]))
        done = layerwise.reconstruct(student, teacher, data.transform(data.inputs[order[:most]]), kept)
    except TraceError as error:
        raise NotRepaired(str(error)) from error
    if not done.layers:
        raise NotRepaired("none of its layers is one of the teacher's")
    left = f", {len(done.left_alone)} left alone" if done.left_alone else ""
    return f"{len(done.layers)} layers on {min(most, len(order))} examples{left}"
