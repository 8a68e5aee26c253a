"""The members of an ensemble of networks: what each is, and how it is trained."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.core import InputError
from tasks.models.model_spec import ModelSpec
from tasks.training.ensembles.member_trainings import Training, trainings_of
from tasks.training.train_spec import TrainSpec

TRAIN = TrainSpec(epochs=10, batch_size=32, seed=4)


def trainings(ensemble: dict[str, Any], train: TrainSpec = TRAIN, **model: Any) -> list[Training]:
    return trainings_of(ModelSpec.model_validate({"ensemble": ensemble, **model}), train)


def test_a_number_is_the_same_network_with_other_seeds() -> None:
    found = trainings({"members": 3}, factory="nets:small", arguments={"width": 8})
    assert [each.train.seed for each in found] == [4, 5, 6]
    assert {each.train.epochs for each in found} == {10}
    assert {each.model.factory for each in found} == {"nets:small"}
    assert [each.name for each in found] == ["member 1: small", "member 2: small", "member 3: small"]
    assert found[0].train == TRAIN
    assert found[0].model == ModelSpec(factory="nets:small", arguments={"width": 8})


def test_members_have_their_own_networks_and_settings() -> None:
    members = [
        {"factory": "nets:wide", "arguments": {"depth": 2}},
        {"train": {"optimizer": "sgd", "epochs": 3}},
        {"arguments": {"width": 16}, "seed": 9},
    ]
    wide, short, other = trainings({"members": members}, factory="nets:small", arguments={"width": 8})
    assert (wide.model.factory, wide.model.arguments) == ("nets:wide", {"depth": 2})
    assert (short.train.optimizer, short.train.learning_rate, short.train.epochs) == ("sgd", 0.05, 3)
    assert short.train.batch_size == 32
    assert (other.model.factory, other.model.arguments, other.train.seed) == ("nets:small", {"width": 16}, 9)


def test_equal_members_get_the_next_seeds() -> None:
    found = trainings({"members": [{"factory": "a:b"}, {"factory": "a:c"}, {"factory": "a:b"}]})
    assert [each.train.seed for each in found] == [4, 4, 5]


def test_snapshots_share_the_epochs_and_minutes() -> None:
    found = trainings({"snapshots": 4}, TRAIN.model_copy(update={"minutes": 2.0}))
    assert [each.train.epochs for each in found] == [2, 3, 2, 3]
    assert {each.train.minutes for each in found} == {0.5}
    assert [each.train.seed for each in found] == [4, 5, 6, 7]
    assert {each.train.early_stopping for each in found} == {None}


@pytest.mark.parametrize(
    ("train", "says"),
    [
        (TrainSpec(epochs=3), "model.ensemble.snapshots: must be at most train.epochs, which is 3"),
        (TrainSpec(epochs=8, schedule="constant"), "train.schedule: must fall to its end"),
        (TrainSpec(epochs=8, unfreeze=2), "train.unfreeze: must be left out beside model.ensemble.snapshots"),
    ],
)
def test_trainings_without_cycles(train: TrainSpec, says: str) -> None:
    with pytest.raises(InputError, match=says):
        trainings({"snapshots": 4}, train)
