"""Wrong conditions of a search space."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wrong_input import IMAGES, OPTIMIZER, Row, check_plan, two

ROWS = {
    "condition: network impossible under it": Row(
        "a.yaml: search.space: tasks.architectures:convnet fails with the arguments {'input_shape': [3, 8, 8], "
        "'outputs': 4, 'block': 'separable', 'depth': 5} (ValueError: depth must be at most 4 for images of 8 pixels "
        "a side, but got 5)",
        recipe={
            **IMAGES,
            **two(
                ("model.arguments.block", {"choice": ["residual", "separable"]}),
                ("model.arguments.depth", {"integers": [1, 5], "when": {"model.arguments.block": "separable"}}),
            ),
        },
    ),
    "condition: key mistyped": Row(
        "a.yaml: search.space.train.momentum.wen: is not a known key; nearest valid choice: when",
        recipe=two(OPTIMIZER, ("train.momentum", {"uniform": [0, 0.9], "wen": {"train.optimizer": "sgd"}})),
    ),
    "condition: wrong range under it": Row(
        "a.yaml: search.space.train.momentum.uniform.0: must be a number, but got 'low'",
        recipe=two(OPTIMIZER, ("train.momentum", {"uniform": ["low", 1], "when": {"train.optimizer": "sgd"}})),
    ),
    "condition: path unknown": Row(
        "a.yaml: search.space.train.momentum.when.train.optimiser: is not a path of the space; "
        "nearest valid choice: train.optimizer",
        recipe=two(OPTIMIZER, ("train.momentum", {"uniform": [0, 0.9], "when": {"train.optimiser": "sgd"}})),
    ),
    "condition: value that cannot be": Row(
        "a.yaml: search.space.train.momentum.when.train.optimizer: must be a value of train.optimizer: choice "
        "['sgd', 'adam'], but got 'sdg'; nearest valid choice: sgd",
        recipe=two(OPTIMIZER, ("train.momentum", {"uniform": [0, 0.9], "when": {"train.optimizer": ["adam", "sdg"]}})),
    ),
    "condition: number that cannot be": Row(
        "a.yaml: search.space.train.momentum.when.train.epochs: must be a value of train.epochs: integers "
        "[1, 5], but got 7; nearest valid choice: 5",
        recipe=two(
            ("train.epochs", {"integers": [1, 5]}),
            ("train.momentum", {"uniform": [0, 0.9], "when": {"train.epochs": 7}}),
        ),
    ),
    "condition: no value": Row(
        "a.yaml: search.space.train.momentum.when.train.optimizer: needs a value, but got []; "
        "nearest valid choice: sgd",
        recipe=two(OPTIMIZER, ("train.momentum", {"uniform": [0, 0.9], "when": {"train.optimizer": []}})),
    ),
    "condition: on a range": Row(
        "a.yaml: search.space.train.momentum.when.train.learning_rate: must be the path of a choice, integers or "
        "quantized, whose values can be named, but got 'uniform [0.1, 1]'",
        recipe=two(
            ("train.learning_rate", {"uniform": [0.1, 1]}),
            ("train.momentum", {"uniform": [0, 0.9], "when": {"train.learning_rate": 0.5}}),
        ),
    ),
    "condition: circle": Row(
        "a.yaml: search.space: has conditions in a circle: train.epochs → train.optimizer → train.epochs",
        recipe=two(
            ("train.optimizer", {"choice": ["sgd", "adam"], "when": {"train.epochs": 3}}),
            ("train.epochs", {"integers": [1, 5], "when": {"train.optimizer": "sgd"}}),
        ),
    ),
    "condition: never met": Row(
        "a.yaml: search.space.train.momentum.when: never applies, because its conditions exclude one another, but got "
        "{'train.epochs': 3, 'train.optimizer': 'sgd'}",
        recipe=two(
            OPTIMIZER,
            ("train.epochs", {"integers": [1, 5], "when": {"train.optimizer": "adam"}}),
            ("train.momentum", {"uniform": [0, 0.9], "when": {"train.optimizer": "sgd", "train.epochs": 3}}),
        ),
    ),
    "condition: value wrong under it alone": Row(
        "a.yaml: search.space.train.momentum: must be below 1, but got 1.5; nearest valid choice: 0.9",
        recipe=two(OPTIMIZER, ("train.momentum", {"choice": [0.5, 1.5], "when": {"train.optimizer": "sgd"}})),
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)
