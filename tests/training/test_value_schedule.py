"""Value schedules: values that become others in mid-training, across kills and from another training's checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from tasks.kernels.training.learning_curve import Epoch
from tasks.training.distillation import DistillationSpec
from tasks.training.train import train
from tasks.training.train_spec import TrainSpec
from tasks.training.trainer import Trainer, identity_of
from tasks.training.training_data import TrainingData
from tasks.training.value_schedule import ValueChange, held

CHANGES: dict[int, Any] = {3: {"learning_rate": 0.03, "momentum": 0.5}, 5: {"learning_rate": 0.01, "weight_decay": 0.1}}
PLAIN: dict[str, Any] = {
    "epochs": 6,
    "batch_size": 16,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "schedule": "constant",
    "early_stopping": None,
}


def spec(**changes: Any) -> TrainSpec:
    return TrainSpec.model_validate(PLAIN | {"changes": CHANGES} | changes)


def network() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))


def points() -> TrainingData:
    """Two classes, not to be told apart without a mistake."""
    inputs = torch.randn(160, 4, generator=torch.Generator().manual_seed(3))
    targets = (inputs.sum(1) + torch.randn(160, generator=torch.Generator().manual_seed(4)) > 0).long()
    return TrainingData(inputs[:80], targets[:80], inputs[80:], targets[80:], lambda batch: batch.float())


def state(model: nn.Module) -> list[Tensor]:
    return [tensor.clone() for tensor in model.state_dict().values()]


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(map(torch.equal, state(one), state(other)))


def groups(made: TrainSpec, data: TrainingData) -> list[tuple[float, float, float]]:
    """Learning rate, momentum and weight decay of the optimizer after each epoch."""
    trainer, found = Trainer(network(), data, made, None), []
    for _ in range(made.epochs):
        trainer.train_epoch()
        [group] = trainer.optimizer.param_groups
        found.append((group["lr"], group["momentum"], group["weight_decay"]))
    return found


def test_the_optimizer_takes_each_value_before_its_epoch() -> None:
    first, then, last = (0.1, 0.9, 1e-4), (0.03, 0.5, 1e-4), (0.01, 0.5, 0.1)
    assert groups(spec(), points()) == [first, first, then, then, last, last]


def test_a_change_is_the_peak_of_the_schedule() -> None:
    made = spec(schedule="cosine", epochs=4, changes={3: {"learning_rate": 1.0}})
    curve = train(network(), points(), made).curve
    assert curve[1].learning_rate == pytest.approx(0.1 * (1 + torch.cos(torch.tensor(torch.pi * 9 / 20))).item() / 2)
    assert curve[2].learning_rate == pytest.approx((1 + torch.cos(torch.tensor(torch.pi * 14 / 20))).item() / 2)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "adagrad", "rmsprop", "muon"])
def test_values_that_stay_as_they_are_change_no_bit(optimizer: str) -> None:
    plain, changed = network(), network()
    train(plain, points(), spec(optimizer=optimizer, changes={}))
    train(changed, points(), spec(optimizer=optimizer, changes={3: {"learning_rate": 0.1, "weight_decay": 1e-4}}))
    assert same(plain, changed)
    other = network()
    train(other, points(), spec(optimizer=optimizer, changes={2: {"weight_decay": 0.5}}))
    assert not same(plain, other)


class Killed(Exception):  # noqa: N818 - what happens to the process, not a fault of it
    pass


@pytest.mark.parametrize("killed_after", [1, 2, 3, 4, 5])
def test_a_killed_training_ends_with_the_same_bits(tmp_path: Path, killed_after: int) -> None:
    def kill(epoch: Epoch) -> None:
        if epoch.number == killed_after:
            raise Killed

    whole, resumed = network(), network()
    train(whole, points(), spec())
    with pytest.raises(Killed):
        train(network(), points(), spec(), checkpoint=tmp_path / "run", on_epoch=kill)
    seen = list[Epoch]()
    train(resumed, points(), spec(), checkpoint=tmp_path / "run", on_epoch=seen.append)
    assert [epoch.number for epoch in seen] == list(range(1, 7)), "at first those of the checkpoint"
    assert same(whole, resumed)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_stages_that_go_on_from_one_another_end_as_one_training(tmp_path: Path, optimizer: str) -> None:
    made = spec(optimizer=optimizer, changes={3: {"learning_rate": 0.03}, 5: {"weight_decay": 0.1}})
    whole, staged, before = network(), network(), None
    expected = train(whole, points(), made)
    trained: tuple[Epoch, ...] = ()
    for end in (2, 4, 6):
        staged, path, seen = network(), tmp_path / str(end), list[Epoch]()
        result = train(staged, points(), made.until(end), checkpoint=path, on_epoch=seen.append, origin=before)
        assert [epoch.number for epoch in seen] == list(range(1, end + 1))
        assert tuple(seen[:-2]) == trained, "only its own epochs are trained: the others took the very same seconds"
        before, trained = (end, path), result.curve
    assert same(whole, staged)
    assert [each.validation_score for each in result.curve] == [each.validation_score for each in expected.curve]


@pytest.mark.parametrize("way", ["absent", "altered", "another"])
def test_without_its_origin_a_stage_trains_from_the_start(tmp_path: Path, way: str) -> None:
    path = tmp_path / "origin"
    if way != "absent":
        before = spec(changes={2: {"learning_rate": 0.5}}) if way == "another" else spec()
        train(network(), points(), before.until(2), checkpoint=path)
    if way == "altered":
        path.write_bytes(path.read_bytes()[:-9])
    whole, stage, seen = network(), network(), list[Epoch]()
    train(whole, points(), spec())
    train(stage, points(), spec(), checkpoint=tmp_path / "run", on_epoch=seen.append, origin=(2, path))
    assert len(seen) == 6
    assert same(whole, stage)


def test_a_training_without_changes_is_known_by_the_same_name_as_ever() -> None:
    assert "changes" not in TrainSpec().model_dump(mode="json")
    made = spec()
    assert TrainSpec.model_validate(made.model_dump(mode="json")) == made, "JSON makes texts of the epochs"
    assert made.model_dump(mode="json")["changes"]["3"]["learning_rate"] == 0.03
    one, other = (Trainer(network(), points(), each, None) for each in (made, spec(changes={})))
    assert identity_of(one, False) != identity_of(other, False)
    assert DistillationSpec().training().changes == {}


def test_each_change_holds_until_the_next() -> None:
    changes = {epoch: ValueChange.model_validate(change) for epoch, change in CHANGES.items()}
    assert [held(changes, epoch) for epoch in (2, 3, 4, 5)] == [
        {},
        {"learning_rate": 0.03, "momentum": 0.5},
        {"learning_rate": 0.03, "momentum": 0.5},
        {"learning_rate": 0.01, "momentum": 0.5, "weight_decay": 0.1},
    ]
    assert spec().until(4).changes == {3: changes[3]}
    assert spec().until(9).epochs == 6


@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        ({"changes": {1: {"learning_rate": 0.1}}}, "from 2 to train.epochs, which is 6; nearest valid choice: 2"),
        ({"changes": {7: {"learning_rate": 0.1}}}, "from 2 to train.epochs, which is 6; nearest valid choice: 6"),
        ({"changes": {3: {}}}, "needs at least one of learning_rate, weight_decay, momentum"),
        ({"changes": {3: {"learning_rate": 0}}}, "greater than 0"),
        ({"changes": {3: {"batch_size": 2}}}, "not permitted"),
        ({"optimizer": "adam"}, "is sgd's alone, and train.optimizer is adam"),
    ],
)
def test_what_breaks_a_law_is_refused(wrong: dict[str, Any], law: str) -> None:
    with pytest.raises(ValidationError, match=law):
        spec(**wrong)
