"""Monitor job: batches and labels count once, harm acts, and what goes wrong elsewhere never loses the look."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import product_files, runs
from support.watched_champions import club, members, register_champion, register_file

from flows.loop.monitor_history import experiment_of
from flows.loop.monitor_job import run_monitor
from flows.loop.monitor_memory import memory_file
from flows.loop.monitor_outcome import MonitorOutcome
from flows.pipeline.champion_reference import WITHOUT
from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from tasks.core import InputError, Workspace
from tasks.kernels.onnx.feature_cut import cut_features
from tasks.tracking import open_client
from tasks.tracking.registered_reference import reference_of


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Workspace]:
    return club(tmp_path_factory.mktemp("club"))


@pytest.fixture
def place(registered: tuple[Recipe, Workspace], tmp_path: Path) -> tuple[Recipe, Workspace]:
    """The registered champion, and a home in which nothing has been seen."""
    recipe, workspace = registered
    return recipe, dataclasses.replace(workspace, home=tmp_path)


def written(folder: Path, frame: pd.DataFrame, name: str = "batch.csv") -> Path:
    frame.to_csv(folder / name, index=False)
    return folder / name


def turned(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows with every answer turned round."""
    return frame.assign(left=np.where(frame["left"] == "yes", "no", "yes"))


def test_the_reference_lies_beside_the_champion(registered: tuple[Recipe, Workspace]) -> None:
    recipe, workspace = registered
    found = reference_of(workspace.tracking_uri, recipe.name)
    assert [each["name"] for each in found["columns"]] == ["age", "city"]
    assert [each["name"] for each in found["answers"]] == ["class", "confidence"]
    assert found["loss"]["is_share"]
    assert found["loss"]["n"] == 80
    assert found["metric"]["name"] == "accuracy"


def test_like_the_reference_nothing_has_to_be_done(place: tuple[Recipe, Workspace], tmp_path: Path) -> None:
    found = run_monitor(place[0], written(tmp_path, members(300, seed=1)), None, place[1])
    assert (found.level, found.exit_code) == ("fine", 0)
    assert found.answer.startswith("Nothing has to be done: club version 1 is as it was")
    assert (found.rows, found.labelled, found.look, found.seen_before) == (300, 300, 1, False)
    page = Path(found.report).read_text()
    assert "<h1>Nothing has to be done: club version 1" in page
    client = open_client(place[1].tracking_uri)
    [run] = client.search_runs([client.get_experiment_by_name(experiment_of("club")).experiment_id])[:1]
    assert run.data.metrics["level"] == 0
    assert run.data.metrics["harm.rows"] == 300
    json.dumps(found.record)


def test_a_batch_and_its_labels_count_once(place: tuple[Recipe, Workspace], tmp_path: Path) -> None:
    batch = members(100, seed=2)
    recipe, workspace = place
    first = run_monitor(recipe, written(tmp_path, batch.drop(columns="left")), None, workspace)
    assert first.harm is not None
    assert (first.labelled, first.harm.n) == (0, 0)
    truth = written(tmp_path, batch[["member", "left"]].head(60).sample(frac=1, random_state=0), "truth.csv")
    moved = batch.drop(columns="left")[["city", "member", "age"]].assign(note="new")
    late = run_monitor(recipe, written(tmp_path, moved), truth, workspace)
    assert (late.labelled, late.look, late.seen_before) == (60, 1, True)
    whole = run_monitor(recipe, written(tmp_path, batch), truth, workspace)
    assert (whole.labelled, whole.look) == (40, 1)
    again = run_monitor(recipe, written(tmp_path, batch), None, workspace)
    assert (again.labelled, again.look) == (0, 1)
    assert again.harm is not None
    assert again.harm.n == 100
    other = run_monitor(recipe, written(tmp_path, members(50, seed=3)), None, workspace)
    assert (other.labelled, other.look) == (50, 2)


def test_harm_acts_and_is_told_once_in_a_cool_down(place: tuple[Recipe, Workspace], tmp_path: Path) -> None:
    told: list[MonitorOutcome] = []

    def tell(outcome: MonitorOutcome) -> str:
        told.append(outcome)
        return "told"

    recipe, workspace = place
    found = run_monitor(recipe, written(tmp_path, turned(members(200, seed=4))), None, workspace, tell)
    assert (found.level, found.exit_code) == ("act", 4)
    assert found.answer.startswith("Act: retrain club version 1 (harm: proven: the loss has risen above")
    assert found.notes == ("told",)
    again = run_monitor(recipe, written(tmp_path, turned(members(200, seed=5))), None, workspace, tell)
    assert (again.level, again.is_told, len(told)) == ("act", False, 1)
    eager = recipe.model_copy(update={"monitor": recipe.monitor.model_copy(update={"cooldown": 0.0})})
    assert run_monitor(eager, written(tmp_path, members(10, seed=6)), None, workspace, tell).is_told
    assert len(told) == 2


def test_drift_explains_and_acts_only_when_asked(place: tuple[Recipe, Workspace], tmp_path: Path) -> None:
    recipe, workspace = place
    old = members(400, seed=7).drop(columns="left").assign(age=75)
    old.loc[:60, "city"] = "Oslo"
    found = run_monitor(recipe, written(tmp_path, old), None, workspace)
    assert (found.level, found.exit_code) == ("warn", 0)
    assert found.answer.startswith("Nothing has to be done yet, for the recipe acts on harm; look at club version 1")
    assert found.inputs.changed[0] == "age"
    assert "never seen before: city=Oslo" in found.inputs.sentence
    assert found.predictions.level == "warn"
    asked = recipe.model_copy(update={"monitor": recipe.monitor.model_copy(update={"act_on": "inputs"})})
    assert run_monitor(asked, written(tmp_path, old.assign(age=76)), None, workspace).exit_code == 4


def test_a_webhook_that_is_away_and_a_tracking_server_cost_a_note(
    place: tuple[Recipe, Workspace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, workspace = place
    deaf = {"notify": "http://127.0.0.1:9/secret", "cooldown": 0.0}
    recipe = recipe.model_copy(update={"monitor": recipe.monitor.model_copy(update=deaf)})
    found = run_monitor(recipe, written(tmp_path, turned(members(200, seed=8))), None, workspace)
    assert found.exit_code == 4
    assert [note.partition(" (")[0] for note in found.notes] == ["monitor.notify: 127.0.0.1 could not be told"]
    assert "secret" not in str(found.notes)
    assert memory_file(tmp_path, "club", 1).exists()


def test_a_folder_of_batches_is_looked_at_one_by_one(place: tuple[Recipe, Workspace], tmp_path: Path) -> None:
    recipe, workspace = place
    folder = tmp_path / "batches"
    folder.mkdir()
    with pytest.raises(InputError, match=r"must hold a batch: a file that ends with \.csv"):
        run_monitor(recipe, folder, None, workspace)
    written(folder, members(300, seed=10).drop(columns="left").assign(age=75), "1.csv")
    members(300, seed=11).to_parquet(folder / "2.parquet")
    found = run_monitor(recipe, folder, None, workspace)
    assert (found.level, found.source, found.look) == ("warn", str(folder / "1.csv"), 1)
    assert found.notes[0].startswith(f"2 batches in {folder}, 2 of them new")
    written(folder, members(300, seed=12), "3.csv")
    later = run_monitor(recipe, folder, None, workspace)
    assert (later.level, later.look, later.labelled) == ("fine", 3, 300)
    assert later.answer in Path(later.report).read_text().replace("&#39;", "'")
    again = run_monitor(recipe, folder, None, workspace)
    assert again.notes[0] == f"3 batches in {folder}, none of them new"
    truth = written(
        tmp_path, pd.concat([members(300, seed=10), members(300, seed=12)])[["member", "left"]], "truth.csv"
    )
    labelled = run_monitor(recipe, folder, truth, workspace)
    assert labelled.notes[0] == f"3 batches in {folder}, none of them new; 300 new labels in all"
    nameless = recipe.model_copy(update={"data": recipe.data.model_copy(update={"id": None})})
    with pytest.raises(InputError, match=r"--labels: must be left out beside a folder of batches: without data\.id"):
        run_monitor(nameless, folder, folder / "3.csv", workspace)


def test_promotion_begins_a_new_state(tmp_path: Path) -> None:
    recipe, workspace = club(tmp_path)
    batch = written(tmp_path, members(100, seed=9))
    assert run_monitor(recipe, batch, None, workspace).look == 1
    second = register_champion(recipe, workspace, seed=1)
    open_client(workspace.tracking_uri).set_registered_model_alias("club", "champion", str(second.version))
    found = run_monitor(recipe, batch, None, workspace)
    assert (found.version, found.look, found.seen_before, found.labelled) == (2, 1, False, 100)
    assert memory_file(workspace.home, "club", 1).exists()
    memory_file(workspace.home, "club", 2).write_text("{}")
    with pytest.raises(InputError, match="must be a monitor's state; it was altered"):
        run_monitor(recipe, batch, None, workspace)


def test_pictures_are_compared_by_what_the_last_layer_gets(tmp_path: Path) -> None:
    model, workspace = product_files.image_file(), runs.workspace(tmp_path)
    recipe = validate_recipe({"name": "pictures", "data": {"source": str(tmp_path / "none.npz")}})
    drawn = product_files.images(600)
    register_file(model, recipe, drawn, cut_features(model), workspace)
    for name, seed, change in (("same", 1, 0), ("inverted", 2, 255)):
        pictures = product_files.images(300, seed=seed)["image"]
        np.savez(tmp_path / f"{name}.npz", image=np.abs(change - pictures.astype(int)).astype(np.uint8))
    same = run_monitor(recipe, tmp_path / "same.npz", None, workspace)
    assert same.inputs.level == "fine"
    assert [each.name for each in same.inputs.columns if each.name.startswith("feature ")][-1] == "feature 7"
    inverted = run_monitor(recipe, tmp_path / "inverted.npz", None, workspace)
    assert inverted.inputs.level == "warn"
    assert any(name.startswith("feature ") for name in inverted.inputs.changed)


def test_a_product_without_a_layer_before_its_last_says_so(tmp_path: Path) -> None:
    model, workspace = product_files.image_file(), runs.workspace(tmp_path)
    recipe = validate_recipe({"name": "pictures", "data": {"source": str(tmp_path / "none.npz")}})
    register_file(model, recipe, product_files.images(100), None, workspace)
    np.savez(tmp_path / "same.npz", image=product_files.images(100, seed=1)["image"])
    found = run_monitor(recipe, tmp_path / "same.npz", None, workspace)
    assert found.notes == (WITHOUT,)
    assert {each.name for each in found.inputs.columns} >= {"brightness", "sharpness"}
