"""Network checks: each mistake that follows from the untrained network is one sentence; what is sound passes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from support import datasets
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its name in torch's own documents

from tasks.conversion.network_checks import check_untrained
from tasks.core import InputError, Prepared, Store
from tasks.data.preprocessing import preprocess
from tasks.data.preprocessing_spec import Unscaled
from tasks.data.tables.column_steps import Scale


class Base(nn.Module):
    """Two layers with a place in between, for pictures of 8x8 pixels and four classes."""

    def __init__(self) -> None:
        super().__init__()
        self.front, self.head = nn.Linear(64, 16), nn.Linear(16, 4)
        self.prepare()

    def prepare(self) -> None:
        """What is made beside the layers."""

    def between(self, hidden: Tensor) -> Tensor:
        return hidden

    def forward(self, batch: Tensor) -> Tensor:
        answers: Tensor = self.head(torch.relu(self.between(self.front(batch.flatten(1)))))
        return answers


class Draw(Base):
    def prepare(self) -> None:
        self.register_buffer("draw", torch.randn(16), persistent=False)

    def between(self, hidden: Tensor) -> Tensor:
        return hidden + self.draw


class SilentDraw(Draw):
    def prepare(self) -> None:
        super().prepare()
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)


class Array(Base):
    def prepare(self) -> None:
        self.gain = np.random.rand(16).astype("float32")

    def between(self, hidden: Tensor) -> Tensor:
        return hidden * torch.from_numpy(self.gain)


class Number(Base):
    def prepare(self) -> None:
        self.gains = {"first": [1 + random.random()]}

    def between(self, hidden: Tensor) -> Tensor:
        return hidden * self.gains["first"][0]


class Unused(Base):
    def prepare(self) -> None:
        self.example_input_array = torch.randn(1, 1, 8, 8)


class Width(nn.Sequential):
    def __init__(self) -> None:
        width = random.randrange(8, 4000)
        super().__init__(nn.Flatten(), nn.Linear(64, width), nn.Linear(width, 4))


class Unseeded(Base):
    def prepare(self) -> None:
        self.front.weight.data += float(np.random.default_rng().uniform(1, 2))


class Dropping(Base):
    def between(self, hidden: Tensor) -> Tensor:
        return F.dropout(hidden, 0.5)


class Shuffled(Base):
    def between(self, hidden: Tensor) -> Tensor:
        return hidden[:, torch.randperm(16)]


class Average(Base):
    def prepare(self) -> None:
        self.register_buffer("mean", torch.zeros(16))

    def between(self, hidden: Tensor) -> Tensor:
        self.mean.mul_(0.9).add_(0.1 * hidden.mean(0))
        return hidden - self.mean


class Counter(Base):
    def prepare(self) -> None:
        self.calls = 0

    def between(self, hidden: Tensor) -> Tensor:
        self.calls += 1
        return hidden * self.calls


class Luck(Base):
    def between(self, hidden: Tensor) -> Tensor:
        return hidden * random.random()


class BatchNorm(Base):
    def prepare(self) -> None:
        self.norm = nn.BatchNorm1d(16, track_running_stats=False)

    def between(self, hidden: Tensor) -> Tensor:
        answers: Tensor = self.norm(hidden)
        return answers


class Largest(Base):
    def between(self, hidden: Tensor) -> Tensor:
        return hidden / hidden.abs().max()


class Pairs(Base):
    def between(self, hidden: Tensor) -> Tensor:
        return hidden.view(-1, 2, 16).flip(1).view(-1, 16)


class Undecided(Base):
    def between(self, hidden: Tensor) -> Tensor:
        return hidden + 1 if hidden.abs().sum() > 0 else hidden


class Singular(Base):
    def between(self, hidden: Tensor) -> Tensor:
        return torch.linalg.svdvals(hidden.view(-1, 4, 4)).repeat(1, 4)


class Endless(Base):
    def between(self, hidden: Tensor) -> Tensor:
        return hidden / 0


class Complex(Base):
    def prepare(self) -> None:
        self.turn = nn.Parameter(torch.ones(16, dtype=torch.complex64))


class TwoFaced(Base):
    def between(self, hidden: Tensor) -> Tensor:
        return hidden * 3 if torch.compiler.is_exporting() else hidden


class Tokens(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(Words(), nn.Flatten(), nn.Linear(16, 4))


class Words(nn.Embedding):
    def __init__(self) -> None:
        super().__init__(12, 8)

    def forward(self, batch: Tensor) -> Tensor:
        return super().forward(batch.long())


class Sound(Base):
    """Constants outside the state dict, and dropout in training."""

    def prepare(self) -> None:
        self.drop, self.ones = nn.Dropout(0.5), torch.ones(16)
        self.register_buffer("steps", torch.arange(16.0), persistent=False)

    def between(self, hidden: Tensor) -> Tensor:
        answers: Tensor = self.drop(hidden) + self.steps * self.ones
        return answers


def norms() -> nn.Module:
    layers = nn.InstanceNorm2d(8), nn.GroupNorm(2, 8), nn.BatchNorm2d(8)
    return nn.Sequential(nn.Conv2d(1, 8, 3), *layers, nn.Flatten(), nn.LayerNorm(288), nn.Linear(288, 4))


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4))


def by_seed(make: Callable[[], nn.Module]) -> Callable[[int], nn.Module]:
    """Builds as the factory does: torch alone has the seed."""

    def build(seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return make().eval()

    return build


MISTAKES: dict[Callable[[], nn.Module], str] = {
    Draw: r"^model\.factory: draws 'draw' of Draw when it is built .*; nearest valid choice: a buffer",
    SilentDraw: r"draws 'draw' of SilentDraw when it is built",
    Array: r"draws 'gain' of Array when it is built",
    Number: r"draws 'gains' of Number when it is built",
    Width: r"must give layers of the same shapes every time",
    Unseeded: r"same network for the same seed, but 'front\.weight' differs",
    Dropping: r"twice the same .* a dropout is always on \(test_network_checks\.py, line \d+\); .*self\.training",
    Shuffled: r"twice the same .* random numbers are drawn \(test_network_checks\.py, line \d+\)",
    Average: r"twice the same .* every run changes 'mean'",
    Counter: r"twice the same .* every run changes 'calls' of Counter",
    Luck: r"twice the same .* two runs differ",
    BatchNorm: r"others of its batch change the answer \(batch norm 'norm'\); .*track_running_stats=True",
    Largest: r"others of its batch change the answer$",
    Pairs: r"fails on one example alone \(shape ",
    Undecided: r"depends on the values of the data \(test_network_checks\.py, line \d+\); .*torch\.where",
    Singular: r"cannot be exported to ONNX: No ONNX function found",
    Endless: r"must answer the first examples of the data with finite numbers$",
    Complex: r"must hold real numbers, but 'turn' holds complex ones$",
    TwoFaced: r"gives an ONNX file that answers .* off \(largest difference",
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def prepared(store: Store) -> Prepared:
    return datasets.prepared_squares(store)


def random_states() -> tuple[object, ...]:
    """Where torch, NumPy and Python stand in their random numbers."""
    return torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()


@pytest.mark.parametrize("make", MISTAKES, ids=lambda make: make.__name__)
def test_a_mistake_is_one_sentence(make: Callable[[], nn.Module], prepared: Prepared, store: Store) -> None:
    with pytest.raises(InputError, match=MISTAKES[make]) as found:
        check_untrained(by_seed(make), 3, prepared, 1e-3, store)
    assert "\n" not in str(found.value)
    assert found.value.path == "model.factory"


@pytest.mark.parametrize("make", [Base, Sound, Unused, norms, lazy], ids=lambda make: make.__name__)
def test_what_is_sound_passes_and_leaves_nothing(
    make: Callable[[], nn.Module], prepared: Prepared, store: Store
) -> None:
    before = random_states()
    check_untrained(by_seed(make), 3, prepared, 1e-3, store)
    assert random_states() == before


def words(store: Store, steps: tuple[Scale, ...]) -> Prepared:
    """Two columns of token numbers, and four classes."""
    frame = pd.DataFrame({"a": np.arange(12.0) % 12, "b": np.arange(12.0)[::-1] % 12})
    return preprocess(datasets.table_set(store, {"train": (frame, np.arange(12) % 4)}, classes=4), steps, store)


def test_token_numbers_must_not_be_scaled(store: Store) -> None:
    with pytest.raises(InputError, match=r"fails on the first examples of the data .*\{step: scale, method: none\}"):
        check_untrained(by_seed(Tokens), 0, words(store, ()), 1e-3, store)
    check_untrained(by_seed(Tokens), 0, words(store, (Scale(method="none"),)), 1e-3, store)


def test_a_network_need_not_be_exported(prepared: Prepared, store: Store) -> None:
    check_untrained(by_seed(TwoFaced), 3, prepared, None, store)


def test_token_numbers_have_a_place_wherever_they_are(store: Store) -> None:
    frame = pd.DataFrame({"a": np.arange(30.0) % 12, "b": np.r_[np.zeros(29), 14.0]})
    table = datasets.table_set(store, {"train": (frame, np.arange(30) % 4)}, classes=4)
    with pytest.raises(InputError) as found:
        check_untrained(by_seed(Tokens), 0, preprocess(table, (Unscaled(),), store), 1e-3, store)
    assert str(found.value) == (
        "model.factory: fails on the examples with the most extreme numbers (index out of range in self); nearest "
        "valid choice: an embedding of at least 15 places"
    )


def test_the_target_of_a_regression_has_its_unit_in_the_file(store: Store) -> None:
    frame = pd.DataFrame({"age": np.arange(12.0), "town": ["Bonn", "Rome"] * 6})
    table = preprocess(datasets.table_set(store, {"train": (frame, 30_000 + 500 * np.arange(12))}), (), store)
    check_untrained(by_seed(lambda: nn.Linear(3, 1)), 0, table, 1e-3, store)
