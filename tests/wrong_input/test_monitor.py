"""Wrong batches and labels: `monitor` answers each with one message, and counts nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import runs
from support.watched_champions import club, club_recipe, members
from support.wrong_input import answer

from flows.loop.batch_reading import check_age
from flows.loop.monitor_job import run_monitor
from flows.loop.monitor_memory import memory_file
from flows.recipe.schema import Recipe
from tasks.core import InputError, Workspace


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Workspace]:
    return club(tmp_path_factory.mktemp("club"))


Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows.drop(columns="age"), r"batch\.csv must have the column 'age', as the training data have"),
        (lambda rows: rows.rename(columns={"city": "town"}), r"batch\.csv must have the column 'city'"),
        (lambda rows: rows.head(0), r"batch\.csv must hold at least one row"),
        (lambda rows: rows.assign(age="old"), r"'age' of .*batch\.csv must hold numbers"),
        (lambda rows: rows.assign(left="maybe"), r"--data: classes of the batch part must be among those of train"),
        (lambda rows: rows.assign(city="Rome"), r"'city' of .*must hold values that training knows"),
    ],
)
def test_a_batch_of_another_kind(change: Change, says: str, watched: tuple[Recipe, Workspace], tmp_path: Path) -> None:
    change(members(40, seed=1)).to_csv(tmp_path / "batch.csv", index=False)
    with pytest.raises(InputError, match=says):
        run_monitor(watched[0], tmp_path / "batch.csv", None, watched[1])
    assert not memory_file(watched[1].home, "club", 1).exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows.drop(columns="member"), r"--labels: must name a column of .*labels\.csv, but got 'member'"),
        (lambda rows: rows.drop(columns="left"), r"--labels: must name a column of .*labels\.csv, but got 'left'"),
        (lambda rows: rows.assign(member="M-9"), r"labels: an id must name one row"),
        (
            lambda rows: rows.assign(member=rows["age"].index + 900),
            r"must name rows of the batch in the column 'member'",
        ),
        (lambda rows: rows.assign(left="perhaps"), r"--labels: classes of the batch part must be among"),
    ],
)
def test_labels_of_another_kind(change: Change, says: str, watched: tuple[Recipe, Workspace], tmp_path: Path) -> None:
    rows = members(40, seed=1)
    rows.drop(columns="left").to_csv(tmp_path / "batch.csv", index=False)
    change(rows).to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(InputError, match=says):
        run_monitor(watched[0], tmp_path / "batch.csv", tmp_path / "labels.csv", watched[1])
    assert not memory_file(watched[1].home, "club", 1).exists()


def test_no_champion(tmp_path: Path) -> None:
    recipe = club_recipe(tmp_path)
    with pytest.raises(InputError, match="there must be a registered model of this name, but none is registered"):
        run_monitor(recipe, tmp_path / "members.csv", None, runs.workspace(tmp_path))


def test_a_batch_that_is_older_than_the_training(tmp_path: Path) -> None:
    split = {"by": "time", "column": "day"}
    recipe = club_recipe(tmp_path)
    data = recipe.data.model_copy(update={"split": recipe.data.split.model_copy(update=split)})
    recipe = recipe.model_copy(update={"data": data})
    day = 86400.0
    ranges = '[{"name": "day", "least": 0, "most": 864000, "low": 0, "high": 0, "whole": true, "dates": true}]'
    check_age(recipe, {"day": np.array([[9 * day], [11 * day], [np.nan]])}, {"ranges": ranges})
    law = r"--data: must be newer than the rows that the champion learned from, the last of which is of 1970-01-11"
    with pytest.raises(InputError, match=law):
        check_age(recipe, {"day": np.array([[8 * day], [10 * day]])}, {"ranges": ranges})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--labels", "rows.csv"), "--data: is needed: labels are of a batch's rows"),
        ((), "--data: is needed"),
        (("--data", "rows.scv"), "--data: does not exist, but got 'rows.scv'"),
        (("--data", "rows.csv", "--labels", "no.csv"), "--labels: does not exist, but got 'no.csv'"),
    ],
)
def test_files_that_are_not_there(
    arguments: tuple[str, ...], says: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("good.yaml").write_text("{name: good, data: {source: rows.csv, target: label}}")
    code, out, err = answer(capsys, "monitor", "good.yaml", *arguments)
    assert (code, out) == (2, "")
    assert says in err


def test_an_address_that_is_none(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("good.yaml").write_text(
        "{name: good, data: {source: rows.csv, target: label}, monitor: {notify: chat.example/hook}}"
    )
    code, _, err = answer(capsys, "monitor", "good.yaml", "--data", "rows.csv")
    assert code == 2
    assert "monitor.notify: must be an address that begins with https:// or http://" in err
    assert "nearest valid choice: https://chat.example/hook" in err


@pytest.mark.parametrize("window", ["2 fortnights", "-5", "never"])
def test_a_shadow_that_is_no_window(window: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("good.yaml").write_text(
        f"{{name: good, data: {{source: rows.csv, target: label}}, monitor: {{shadow: {window}}}}}"
    )
    code, _, err = answer(capsys, "monitor", "good.yaml", "--data", "rows.csv")
    assert code == 2
    assert "monitor.shadow: must be a number of rows, or a time" in err
    assert "nearest valid choice: 20000 rows" in err
