"""Wrong studies: their tables, their seeds, a budget for nothing, and a recipe in which nothing can be varied."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.wrong_input import Row, answer, check_plan, write

NETWORK = {"model": {"factory": "nets:linear"}}
ROWS = {
    "table that does not exist": Row(
        "a.yaml: study.tables.1: must be one of hyperparameters, optimizers, preprocessing, pruning, early_stopping, "
        "architectures, precision, parallelism, transfer, augmentation, search_algorithms, devices, data, but got "
        "'optimisers'; nearest valid choice: optimizers",
        recipe={"study": {"tables": ["data", "optimisers"]}},
    ),
    "table named twice": Row(
        "a.yaml: study.tables.1: must not name a table twice, but got 'data'",
        recipe={"study": {"tables": ["data", "data"]}},
    ),
    "no table": Row(
        "a.yaml: study.tables: must name a table, or be left out for all", recipe={"study": {"tables": []}}
    ),
    "key unknown": Row(
        "a.yaml: study.minute: is not a known key; nearest valid choice: minutes", recipe={"study": {"minute": 5}}
    ),
    "no minutes": Row(
        "a.yaml: study.minutes: must be above 0, but got 0; nearest valid choice: 60", overrides=("study.minutes=0",)
    ),
    "two seeds": Row(
        "a.yaml: study.seeds: must be at least 3, but got 2; nearest valid choice: 3", overrides=("study.seeds=2",)
    ),
    "fewer seeds at most than at least": Row(
        "a.yaml: study.most_seeds: must be at least study.seeds, 9, but got 8; nearest valid choice: 9",
        overrides=("study.seeds=9",),
    ),
    "nothing can be varied": Row(
        "a.yaml: study.tables: leaves nothing to vary in this recipe (transfer: the recipe names no pretrained "
        "weights)",
        recipe={**NETWORK, "study": {"tables": ["transfer"]}},
    ),
    "a factory without width or depth": Row(
        "a.yaml: study.tables: leaves nothing to vary in this recipe (architectures: nets:linear has no argument width "
        "or depth, so that its size cannot be varied)",
        recipe={**NETWORK, "study": {"tables": ["architectures"]}},
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_wrong(row: Row, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(row, place, capsys, "--study")


def test_a_budget_for_nothing_says_the_least(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = write(Row("", recipe={**NETWORK, "study": {"minutes": 0.001, "tables": ["early_stopping"]}}))
    code, told, said = answer(capsys, "plan", *arguments, "--study")
    assert (code, told) == (2, "")
    law = r"must be at least (0\.\d+): the least that one measurement takes here"
    found = re.fullmatch(
        rf"paredown: a\.yaml: study\.minutes: {law}, but got 0\.001; nearest valid choice: (0\.\d+)\n", said
    )
    assert found, said
    assert 0.001 < float(found[1]) <= float(found[2])
