"""Wrong populations: what pbt cannot search, and what does not go with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wrong_input import Row, check_plan, population

ROWS = {
    "pbt: path that is fixed when training begins": Row(
        "a.yaml: search.space.train.learning_rates: pbt changes values while a network trains: only "
        "train.learning_rate, train.weight_decay, train.momentum (tpe searches the others); "
        "nearest valid choice: train.learning_rate",
        recipe=population(path="train.learning_rates"),
    ),
    "pbt: another scheduler": Row(
        "a.yaml: search.scheduler: must be none, since the algorithm is pbt, which has others go on in the place of "
        "those behind, but got 'median'; nearest valid choice: none",
        recipe=population(search={"scheduler": "median"}),
    ),
    "pbt: minimize": Row(
        "a.yaml: search.minimize: must be left out, since the algorithm is pbt: what it changes makes no file smaller "
        "or faster, but got 'bytes'",
        recipe=population(search={"minimize": "bytes"}),
    ),
    "pbt: schedule": Row(
        "a.yaml: train.schedule: must be constant, since search.algorithm is pbt, which finds the schedule itself, "
        "but got 'cosine'; nearest valid choice: constant",
        recipe=population(train={"schedule": "cosine"}),
    ),
    "pbt: early stopping": Row(
        "a.yaml: train.early_stopping: must be null, since search.algorithm is pbt: a network that stands still may go "
        "on with other values; nearest valid choice: null",
        recipe=population(train={"early_stopping": {}}),
    ),
    "pbt: minutes of training": Row(
        "a.yaml: train.minutes: must be left out, since search.algorithm is pbt: its stages are counted in epochs, but "
        "got 2.0",
        recipe=population(train={"minutes": 2}),
    ),
    "pbt: warm-up": Row(
        "a.yaml: train.warm_up: must be left out, since search.algorithm is pbt, which finds the schedule itself, "
        "but got 1.0",
        recipe=population(train={"warm_up": 1}),
    ),
    "pbt: changes": Row(
        "a.yaml: train.changes: must be left out, since search.algorithm is pbt, which finds the changes itself",
        recipe=population(train={"changes": {3: {"learning_rate": 0.1}}}),
    ),
    "pbt: more generations than epochs": Row(
        "a.yaml: search.generations: must be at most the epochs of a training, which are 3, but got 5; "
        "nearest valid choice: 3",
        recipe=population(search={"epochs": 3}),
    ),
    "pbt: momentum of adamw": Row(
        "a.yaml: search.space.train.momentum: is sgd's alone, and train.optimizer is adamw",
        recipe=population(path="train.momentum"),
    ),
    "pbt: range that the recipe refuses": Row(
        "a.yaml: search.space.train.weight_decay: must be at least 0, but got -1.0; nearest valid choice: 0",
        recipe=population(path="train.weight_decay", domain={"uniform": [-1, 1]}),
    ),
    "pbt: for branches": Row(
        "a.yaml: compress.search.algorithm: finds values that change while a network trains, and a branch is more than "
        "one training, but got 'pbt'; nearest valid choice: tpe",
        recipe={"compress": {"search": {"algorithm": "pbt"}}},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)
