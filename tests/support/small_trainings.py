"""Small trainings: pictures of two classes, a network for them, and a training that is killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor, nn

from tasks.kernels.training.learning_curve import Epoch
from tasks.training.train import train
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingData, TrainingResult

State = dict[str, Tensor]


def network(seed: int = 0) -> nn.Sequential:
    """Convolution, batch norm, dropout: everything that carries state or randomness."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(), nn.Linear(128, 2)
        )


def pictures(count: int = 97, rare: int = 2) -> TrainingData:
    """Every `rare`-th picture is of the class "bright": brighter in its upper half."""
    generator = Generator().manual_seed(7)
    inputs = torch.randint(0, 200, (2 * count, 1, 6, 6), generator=generator).to(torch.uint8)
    targets = (torch.arange(2 * count) % rare == 1).long()
    inputs[targets == 1, :, :3] += 55
    parts = inputs[:count], targets[:count], inputs[count:], targets[count:]
    return TrainingData(*parts, lambda batch: batch.float() / 255, classes=("dark", "bright"))


def state(model: nn.Module) -> State:
    """A copy of the model's state."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: State, other: State) -> bool:
    """Whether two states are equal, bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Killed(Exception):  # noqa: N818 - what happens to the process, not a fault of it
    """Stands for the end of the process."""


def kill_after(number: int) -> Callable[[Epoch], None]:
    """An `on_epoch` that ends the process after this epoch."""

    def on_epoch(epoch: Epoch) -> None:
        if epoch.number == number:
            raise Killed

    return on_epoch


def train_with_kill(spec: TrainSpec, data: TrainingData, path: Path, after: int) -> tuple[State, TrainingResult]:
    """The state and the result of a training that is killed after an epoch and goes on from its checkpoint."""
    with pytest.raises(Killed):
        train(network(), data, spec, checkpoint=path, on_epoch=kill_after(after))
    model = network()
    result = train(model, data, spec, checkpoint=path)
    return state(model), result
