"""Wrong overrides on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wrong_input import Row, check_plan, steps

ROWS = {
    "override without =": Row(
        "command line: must have the form key=value, with a dotted path into the recipe as key, but got 'train.epochs'",
        overrides=("train.epochs",),
    ),
    "override with an unknown key": Row(
        "a.yaml: train.epoch: is not a known key; nearest valid choice: epochs", overrides=("train.epoch=3",)
    ),
    "override with a wrong value": Row(
        "a.yaml: train.epochs: must be at least 1, but got 0; nearest valid choice: 1", overrides=("train.epochs=0",)
    ),
    "override with a value that is not YAML": Row(
        "command line: must have a value in YAML after =, but got 'train={epochs: 3'", overrides=("train={epochs: 3",)
    ),
    "override through a value": Row(
        "a.yaml: name.first: goes through a value that holds no others, but got 'good'", overrides=("name.first=a",)
    ),
    "override past the end of a list": Row(
        "a.yaml: compress.branches.2.name: goes through a list with the places 0 to 1, but got '2'; "
        "nearest valid choice: 1",
        recipe=steps({"step": "int8"}),
        overrides=("compress.branches.2.name=x",),
    ),
    "override with text for a place": Row(
        "a.yaml: compress.branches.b.name: goes through a list with the places 0 to 1, but got 'b'; "
        "nearest valid choice: 1",
        recipe=steps({"step": "int8"}),
        overrides=("compress.branches.b.name=x",),
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)
