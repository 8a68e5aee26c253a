"""Wrong training: knobs and their changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wrong_input import Row, check_plan

ROWS = {
    "key unknown in a section": Row(
        "a.yaml: train.epoch: is not a known key; nearest valid choice: epochs", recipe={"train": {"epoch": 3}}
    ),
    "text for a whole number": Row(
        "a.yaml: train.epochs: must be a whole number, but got 'many'", recipe={"train": {"epochs": "many"}}
    ),
    "fraction for a whole number": Row(
        "a.yaml: train.epochs: must be a whole number, but got 1.5; nearest valid choice: 2",
        recipe={"train": {"epochs": 1.5}},
    ),
    "number that may be absent": Row(
        "a.yaml: train.minutes: must be a number, but got 'ten'", recipe={"train": {"minutes": "ten"}}
    ),
    "number for a section": Row("a.yaml: train: must be a mapping of keys to values, but got 3", recipe={"train": 3}),
    "section left empty": Row(
        "a.yaml: train: must be a mapping of keys to values, but is empty", recipe={"train": None}
    ),
    "too small": Row(
        "a.yaml: train.epochs: must be at least 1, but got 0; nearest valid choice: 1", recipe={"train": {"epochs": 0}}
    ),
    "infinite": Row(
        "a.yaml: train.learning_rate: must be a finite number, but got inf",
        recipe={"train": {"learning_rate": float("inf")}},
    ),
    "optimizer unknown": Row(
        "a.yaml: train.optimizer: must be one of sgd, adam, adamw, adagrad, rmsprop, but got 'adan'; "
        "nearest valid choice: adam",
        recipe={"train": {"optimizer": "adan"}},
    ),
    "changes: before the second epoch": Row(
        "a.yaml: train.changes.1: must be an epoch from 2 to train.epochs, which is 30; nearest valid choice: 2",
        recipe={"train": {"changes": {1: {"learning_rate": 0.1}}}},
    ),
    "changes: after the last epoch": Row(
        "a.yaml: train.changes.9: must be an epoch from 2 to train.epochs, which is 4; nearest valid choice: 4",
        recipe={"train": {"epochs": 4, "changes": {3: {"weight_decay": 0}, 9: {"learning_rate": 0.1}}}},
    ),
    "changes: no epoch": Row(
        "a.yaml: train.changes.late: must be a whole number, but got 'late'",
        recipe={"train": {"changes": {"late": {"learning_rate": 0.1}}}},
    ),
    "changes: nothing changes": Row(
        "a.yaml: train.changes.3: needs at least one of learning_rate, weight_decay, momentum",
        recipe={"train": {"changes": {3: {}}}},
    ),
    "changes: name mistyped": Row(
        "a.yaml: train.changes.3.learning_rat: is not a known key; nearest valid choice: learning_rate",
        recipe={"train": {"changes": {3: {"learning_rat": 0.1}}}},
    ),
    "changes: value that cannot be": Row(
        "a.yaml: train.changes.3.momentum: must be below 1, but got 1; nearest valid choice: 0.99",
        recipe={"train": {"optimizer": "sgd", "changes": {3: {"momentum": 1}}}},
    ),
    "changes: momentum of adam": Row(
        "a.yaml: train.changes.3.momentum: is sgd's alone, and train.optimizer is adam, but got 0.5",
        recipe={"train": {"optimizer": "adam", "changes": {3: {"momentum": 0.5}}}},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)
