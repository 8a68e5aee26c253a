"""A recorded study: its files, its runs in MLflow, a table that breaks in the middle, and the study that goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support import runs

from flows.recipe.schema import Recipe
from flows.study.designs import DESIGNERS
from flows.study.outputs.recorded_study import record_study
from flows.study.study_context import Study
from flows.study.study_outcome import StudyOutcome
from tasks.core import InputError, PlainRunner
from tasks.study.design import Cell, Design
from tasks.tracking import open_client

HELD = "what", "the strength of the penalty", "the rest"


def strengths(study: Study) -> Design:
    """A linear model with three strengths of its penalty."""
    cells = (Cell("as it is"), Cell("C 0.001", {"model.arguments.C": 0.001}), Cell("C 1", {"model.arguments.C": 1.0}))
    return Design("hyperparameters", "Hyperparameters", *HELD, cells)


def timed(study: Study) -> Design:
    """A table that breaks: no training takes these settings."""
    cells = (Cell("one", timing={"speed": 1}), Cell("two", timing={"speed": 2}))
    return Design("parallelism", "Parallelism", *HELD, cells, "training", "speed")


def unsuited(study: Study) -> Design:
    """A table whose reference cannot be made."""
    cells = (Cell("worse than nothing", {"model.arguments.C": -1.0}), Cell("as it is"))
    return Design("data", "Data", *HELD, cells)


def recipe_of(**study: Any) -> Recipe:
    content = {
        "name": "flowers",
        "data": {"source": "sklearn:iris"},
        "model": {"family": "linear"},
        "goal": {"metric": "accuracy", "max_drop": 0.02},
        "study": {"minutes": 5, "most_seeds": 3, "confirm": False, **study},
    }
    return Recipe.model_validate(content)


@pytest.fixture
def designs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three small tables in place of those of the house."""
    for name, design in (("hyperparameters", strengths), ("parallelism", timed), ("data", unsuited)):
        monkeypatch.setitem(DESIGNERS, name, design)  # type: ignore[misc]


def study_in(home: Path, *tables: str) -> tuple[StudyOutcome, list[str]]:
    lines: list[str] = []
    outcome = record_study(recipe_of(tables=tables), runs.workspace(home), PlainRunner(), lines.append)
    return outcome, lines


def runs_of(home: Path) -> dict[str, Any]:
    """Name → run of MLflow."""
    client = open_client(f"sqlite:///{home / 'mlflow.db'}")
    places = [each.experiment_id for each in client.search_experiments()]
    return {run.info.run_name: run for run in client.search_runs(places)}


@pytest.mark.usefixtures("designs")
def test_a_table_that_breaks_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    outcome, lines = study_in(tmp_path, "parallelism", "data", "hyperparameters")
    broken = {table.design.name: table.failure for table in outcome.result.failures}
    assert outcome.exit_code == 1
    assert broken.keys() == {"parallelism", "data"}
    place = tmp_path / "errors" / "flowers-study-parallelism.txt"
    assert broken["parallelism"].endswith(f"the details are in {place}")
    assert "Traceback" in place.read_text()
    assert "TypeError" in place.read_text()
    assert not (tmp_path / "errors" / "flowers-study-data.txt").exists(), "a wrong setting is said, and is no fault"
    [measured] = [table for table in outcome.result.tables if not table.failure]
    assert [row.seeds for row in measured.rows] == [3, 3, 3]
    assert lines[0].startswith("0.0 of 5 minutes; 0 of 3 tables have a verdict. Next: ")

    page = outcome.report.read_text()
    assert "it broke: " in page
    table = pd.read_parquet(outcome.folder / "tables.parquet")
    assert set(table["table"]) == {"hyperparameters", "parallelism", "data"}
    found = runs_of(tmp_path)
    assert found["study flowers"].info.status == "FAILED"
    assert found["Parallelism"].data.tags["paredown.state"] == "bad"


@pytest.mark.usefixtures("designs")
def test_a_study_has_a_run_for_itself_and_one_for_each_table(tmp_path: Path) -> None:
    outcome, _ = study_in(tmp_path, "hyperparameters")
    again, _ = study_in(tmp_path, "hyperparameters")
    assert again.result.tables == outcome.result.tables, "measured once"
    assert outcome.recommended == outcome.folder / "flowers.recommended.yaml"
    found = runs_of(tmp_path)
    assert (outcome.exit_code, found["study flowers"].info.status) == (0, "FINISHED")
    child = found["Hyperparameters"]
    assert child.data.tags["paredown.verdict"] == outcome.result.tables[0].verdict
    worse = outcome.result.tables[0].rows[1]
    assert worse.effect is not None
    assert child.data.metrics["C 0.001.gain"] == pytest.approx(worse.effect.value)
    assert child.data.metrics["C 0.001.seeds"] == 3.0
    client = open_client(f"sqlite:///{tmp_path / 'mlflow.db'}")
    files = {each.path for each in client.list_artifacts(found["study flowers"].info.run_id)}
    assert {"report.html", "tables.parquet", "measurements.csv", "flowers.recommended.yaml"} <= files


@pytest.mark.usefixtures("designs")
def test_a_study_that_ended_early_is_continued_in_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, recipe = runs.workspace(tmp_path), recipe_of(tables=["hyperparameters"])

    def stop(line: str) -> None:
        if "seed 2" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_study(recipe, workspace, PlainRunner(), stop)
    first = runs_of(tmp_path)["study flowers"]
    assert first.info.status == "FAILED"
    lines: list[str] = []
    record_study(recipe, workspace, PlainRunner(), lines.append)
    last = runs_of(tmp_path)["study flowers"]
    assert (last.info.run_id, last.info.status) == (first.info.run_id, "FINISHED")
    assert [line.rpartition("seed ")[2] for line in lines if "Next" in line] == ["2, 3 settings", "3, 3 settings"]


@pytest.mark.usefixtures("designs")
def test_a_study_in_which_nothing_is_right_ends_as_failed(tmp_path: Path) -> None:
    recipe = recipe_of(tables=["transfer"])
    with pytest.raises(InputError, match="leaves nothing to vary"):
        record_study(recipe, runs.workspace(tmp_path), PlainRunner(), print)
    assert runs_of(tmp_path)["study flowers"].info.status == "FAILED"
