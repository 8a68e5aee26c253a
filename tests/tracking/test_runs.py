"""Runs on a real SQLite store."""

from __future__ import annotations

import json
import math
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tasks import tracking
from tasks.core import InputError
from tasks.tracking import RunContent


def child(uri: str, parent: str, key: str = "a", **content: Any) -> str:
    return tracking.record_child(uri, parent, f"child {key}", key, RunContent(**content))


def artifact(uri: str, run: str, name: str) -> Path:
    from mlflow.artifacts import download_artifacts

    return Path(download_artifacts(run_id=run, artifact_path=name, tracking_uri=uri))


def test_a_run_is_taken_up_again_until_it_has_finished(uri: str) -> None:
    parameters = {"train": {"epochs": 3}}
    first = tracking.open_run(uri, "resume", "flow", "key", parameters, {"paredown.recipe": "digits"})
    assert tracking.open_run(uri, "resume", "flow", "key", parameters, {}) == first
    assert tracking.open_run(uri, "resume", "flow", "it's another", {}, {}) != first
    tracking.close_run(uri, first, "FAILED")
    assert tracking.open_run(uri, "resume", "flow", "key", parameters, {}) == first
    run = tracking.open_client(uri).get_run(first)
    assert run.info.status == "RUNNING"
    assert run.data.params == {"train.epochs": "3"}
    assert run.data.tags["paredown.recipe"] == "digits"
    tracking.close_run(uri, first, "FINISHED")
    assert tracking.open_run(uri, "resume", "flow", "key", parameters, {}) != first


def test_an_experiment_opens_in_the_view_of_model_training(uri: str) -> None:
    client = tracking.open_client(uri)
    client.create_experiment("from before")
    for name in ("from before", "new"):
        tracking.open_run(uri, name, "flow", "key", {}, {})
        assert client.get_experiment_by_name(name).tags["mlflow.experimentKind"] == "custom_model_development"


def test_a_run_has_its_data_once_and_a_description(uri: str, parent: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").touch()
    for name, source in (("rows.csv", str(tmp_path / "rows.csv")), ("digits", "sklearn:digits")):
        dataset = tracking.DatasetRecord(name, "0123456789" * 6, source, {"train": 6, "test": 3})
        for _ in range(2):
            tracking.attach(uri, parent, RunContent(dataset=dataset, tags={tracking.NOTE: "In plain words."}))
    run = tracking.open_client(uri).get_run(parent)
    assert run.data.tags["mlflow.note.content"] == "In plain words."
    found = {each.dataset.name: each.dataset for each in run.inputs.dataset_inputs}
    assert len(run.inputs.dataset_inputs) == 2
    assert found["rows.csv"].digest == "012345678901234567890123456789012345"
    assert json.loads(found["rows.csv"].source) == {"uri": str(tmp_path / "rows.csv")}
    assert json.loads(found["rows.csv"].profile) == {"train": 6, "test": 3}
    assert (found["digits"].source_type, json.loads(found["digits"].source)["tags"]) == (
        "code",
        {"source": "sklearn:digits"},
    )


def test_without_a_server_the_page_of_a_run_has_a_command_that_serves_it(uri: str, parent: str) -> None:
    links = tracking.run_links(uri, parent)
    experiment = tracking.open_client(uri).get_run(parent).info.experiment_id
    assert links["MLflow"] == f"http://127.0.0.1:5000/#/experiments/{experiment}/runs/{parent}"
    assert shlex.split(links["start MLflow"]) == ["mlflow", "ui", "--backend-store-uri", uri]


def test_closing_twice_keeps_the_time_of_the_first(uri: str, parent: str) -> None:
    client = tracking.open_client(uri)
    tracking.close_run(uri, parent, "FINISHED")
    ended = client.get_run(parent).info.end_time
    time.sleep(0.01)
    tracking.close_run(uri, parent, "FINISHED")
    assert client.get_run(parent).info.end_time == ended


def test_a_child_recorded_twice_is_one_run_without_duplicates(uri: str, parent: str, tmp_path: Path) -> None:
    model = tmp_path / ("0" * 64)
    model.write_bytes(b"the product")
    given: dict[str, Any] = {
        "parameters": {"steps": [{"step": "int8"}], "seed": 0},
        "metrics": {"validation.accuracy": 0.9, "loss": math.nan},
        "curves": {"recover.loss": [(step, 1.0 / (step + 1)) for step in range(1500)]},
        "files": {"product/model.onnx": model},
        "texts": {"note.txt": "größer"},
        "tags": {"paredown.candidate": "c0ffee"},
    }
    first = child(uri, parent, **given)
    assert child(uri, parent, **given) == first
    client = tracking.open_client(uri)
    run = client.get_run(first)
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.parentRunId"] == parent
    assert run.data.tags["paredown.candidate"] == "c0ffee"
    assert run.data.params == {"steps": '[{"step": "int8"}]', "seed": "0"}
    history = client.get_metric_history(first, "recover.loss")
    assert [(point.step, point.value) for point in history] == given["curves"]["recover.loss"]
    assert len(client.get_metric_history(first, "validation.accuracy")) == 1
    assert len(client.get_metric_history(first, "loss")) == 1
    assert artifact(uri, first, "product/model.onnx").read_bytes() == b"the product"
    assert artifact(uri, first, "note.txt").read_text(encoding="utf-8") == "größer"


def test_a_number_that_changed_becomes_the_latest_even_when_it_changes_back(uri: str, parent: str) -> None:
    client = tracking.open_client(uri)
    for value in (0.9, 0.8, 0.9):
        run = child(uri, parent, metrics={"score": value})
        assert client.get_run(run).data.metrics == {"score": value}
        time.sleep(0.002)
    assert [point.value for point in client.get_metric_history(run, "score")] == [0.9, 0.8, 0.9]


def test_a_child_that_was_cut_short_is_completed(uri: str, parent: str) -> None:
    client = tracking.open_client(uri)
    whole = child(uri, parent, "whole", curves={"loss": [(0, 3.0), (1, 2.0)]})
    client.update_run(whole, status="RUNNING")
    assert child(uri, parent, "whole", curves={"loss": [(0, 3.0), (1, 2.0), (2, 1.0)]}) == whole
    assert [point.step for point in client.get_metric_history(whole, "loss")] == [0, 1, 2]
    assert client.get_run(whole).info.status == "FINISHED"


def test_many_and_long_parameters_are_kept_whole(uri: str, parent: str) -> None:
    parameters = {f"p{number}": number for number in range(250)} | {"long": "x" * 9000, "odd[name]": None}
    run = child(uri, parent, parameters=parameters, tags={"long": "y" * 20_000})
    data = tracking.open_client(uri).get_run(run).data
    assert len(data.params) == 252
    assert data.params["p249"] == "249"
    assert data.params["odd-name-"] == "null"
    assert data.params["long"] == "x" * 499 + "…"
    assert len(data.tags["long"]) == tracking.LONGEST_TAG
    assert "x" * 9000 in artifact(uri, run, "parameters.json").read_text()


@pytest.mark.parametrize("name", ["../outside.txt", "/outside.txt", "a/../../outside.txt", "."])
def test_an_artifact_stays_inside_its_run(uri: str, parent: str, name: str) -> None:
    with pytest.raises(InputError, match="must stay inside its run"):
        tracking.attach(uri, parent, RunContent(texts={name: "text"}))


def test_a_missing_file_is_an_error_and_no_silence(uri: str, parent: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tracking.attach(uri, parent, RunContent(files={"model.onnx": tmp_path / "none"}))


def test_attach_adds_and_leaves_the_status(uri: str, parent: str) -> None:
    content = RunContent(texts={"report.html": "<p>"}, metrics={"minutes": 2.0}, tags={"product": "int8"})
    tracking.attach(uri, parent, content)
    run = tracking.open_client(uri).get_run(parent)
    assert (run.info.status, run.data.metrics) == ("RUNNING", {"minutes": 2.0})
    assert run.data.tags["product"] == "int8"


def test_artifacts_lie_where_they_should(uri: str, parent: str, tmp_path: Path) -> None:
    beside = Path(uri.removeprefix("sqlite:///")).parent / "artifacts"
    tracking.attach(uri, parent, RunContent(texts={"a.txt": "a"}))
    assert list(beside.rglob("a.txt"))
    run = tracking.open_run(uri, "own place", "flow", "key", {}, {}, artifact_root=tmp_path / "mine")
    tracking.attach(uri, run, RunContent(texts={"b.txt": "b"}))
    assert list((tmp_path / "mine").rglob("b.txt"))


def test_a_deleted_experiment_is_named(uri: str) -> None:
    client = tracking.open_client(uri)
    tracking.open_run(uri, "gone", "flow", "key", {}, {})
    client.delete_experiment(client.get_experiment_by_name("gone").experiment_id)
    with pytest.raises(InputError, match="restore it or rename, but got 'gone'"):
        tracking.open_run(uri, "gone", "flow", "key", {}, {})


def test_processes_that_touch_a_new_store_at_once_share_it(tmp_path: Path) -> None:
    code = "import sys; from tasks import tracking; tracking.open_run(*sys.argv[1:], {}, {})"
    uri, root = f"sqlite:///{tmp_path}/mlflow.db", Path(tracking.__file__).parents[2]
    processes = [subprocess.Popen([sys.executable, "-c", code, uri, "e", "n", key], cwd=root) for key in "ab"]
    assert [process.wait(120) for process in processes] == [0, 0]
    client = tracking.open_client(uri)
    assert len(client.search_runs([client.get_experiment_by_name("e").experiment_id])) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_first_touch_and_a_run_are_silent_and_leave_the_working_folder_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from tasks import tracking; assert 'mlflow' not in sys.modules\n"
        "uri = sys.argv[1]; run = tracking.open_run(uri, 'e', 'n', 'k', {'a': 'b' * 600}, {})\n"
        "tracking.attach(uri, run, tracking.RunContent(texts={'a.txt': 'a'}, metrics={'m': 1.0}))\n"
        "tracking.close_run(uri, run, 'FINISHED')\n"
    )
    place, home = tmp_path / "work", tmp_path / "home"
    place.mkdir()
    home.mkdir()
    environment = os.environ | {"PYTHONPATH": str(Path(tracking.__file__).parents[2]), "HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{tmp_path}/store/mlflow.db"],
        cwd=place, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(place.iterdir())
    assert not list(home.iterdir())
