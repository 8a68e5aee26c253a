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
        "a.yaml: train.learning_rate: must be auto or a finite number above 0, but got inf",
        recipe={"train": {"learning_rate": float("inf")}},
    ),
    "optimizer unknown": Row(
        "a.yaml: train.optimizer: must be one of sgd, adam, adamw, adagrad, rmsprop, muon, but got 'adan'; "
        "nearest valid choice: adam",
        recipe={"train": {"optimizer": "adan"}},
    ),
    "learning rate of zero": Row(
        "a.yaml: train.learning_rate: must be auto or a finite number above 0, but got 0",
        recipe={"train": {"learning_rate": 0}},
    ),
    "learning rate in words": Row(
        "a.yaml: train.learning_rate: must be auto or a finite number above 0, but got 'atuo'; "
        "nearest valid choice: auto",
        recipe={"train": {"learning_rate": "atuo"}},
    ),
    "learning rate found and searched": Row(
        "a.yaml: train.learning_rate: must be a number or left out, since search.space turns it, but got 'auto'",
        recipe={
            "train": {"learning_rate": "auto"},
            "search": {"space": {"train.learning_rate": {"loguniform": [1e-3, 1e-1]}}},
        },
    ),
    "schedule unknown": Row(
        "a.yaml: train.schedule: must be one of constant, step, cosine, linear, one_cycle, but got 'cosin'; "
        "nearest valid choice: cosine",
        recipe={"train": {"schedule": "cosin"}},
    ),
    "warm-up of one_cycle": Row(
        "a.yaml: train.warm_up: must be left out: one_cycle begins with its own, but got 1.0",
        recipe={"train": {"schedule": "one_cycle", "warm_up": 1}},
    ),
    "warm-up longer than the training": Row(
        "a.yaml: train.warm_up: must be below the 5 epochs of the training, but got 6.0; nearest valid choice: 0.5",
        recipe={"train": {"epochs": 5, "warm_up": 6}},
    ),
    "nesterov without momentum": Row(
        "a.yaml: train.nesterov: needs a momentum above 0, but got True; nearest valid choice: False",
        recipe={"train": {"optimizer": "sgd", "momentum": 0, "nesterov": True}},
    ),
    "sampling unknown": Row(
        "a.yaml: train.sampling: must be one of shuffled, balanced, but got 'balance'; nearest valid choice: balanced",
        recipe={"train": {"sampling": "balance"}},
    ),
    "class weights unknown": Row(
        "a.yaml: train.class_weights: must be balanced, or a mapping of classes to numbers above 0, but got 'balance'; "
        "nearest valid choice: balanced",
        recipe={"train": {"class_weights": "balance"}},
    ),
    "class weight of zero": Row(
        "a.yaml: train.class_weights: must be balanced, or a mapping of classes to numbers above 0, but got {'3': 0}",
        recipe={"train": {"class_weights": {"3": 0}}},
    ),
    "class weight of no class": Row(
        "a.yaml: train.class_weights.yess: is no class of the data; nearest valid choice: yes",
        recipe={"train": {"class_weights": {"yess": 2}}},
    ),
    "cutmix of a table, searched": Row(
        "a.yaml: search.space.train.cutmix: suits images only, but got 1.0; nearest valid choice: mixup",
        recipe={"train": {"epochs": 2}, "search": {"space": {"train.cutmix": {"choice": [0, 1]}}}},
    ),
    "ema of one": Row(
        "a.yaml: train.ema: must be below 1, but got 1; nearest valid choice: 0.99", recipe={"train": {"ema": 1}}
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
