"""Request log: what was served comes back as the product takes it, and an answer is never taken for a label."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from support import product_files, runs
from support.watched_champions import club, members

from flows.loop.batch_reading import batches_in
from flows.loop.monitor_job import run_monitor
from flows.loop.serving.request_log import RequestLog
from flows.loop.serving.served_product import ServedProduct, ServedRows
from flows.recipe.schema import Recipe
from tasks.core import Context, Workspace
from tasks.data import ingestion, product_inputs
from tasks.data.data_spec import DataSpec
from tasks.data.preprocessing import preprocess
from tasks.tracking import registry
from tasks.tracking.scoring_server import scoring_app
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import fit_table


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Workspace]:
    return club(tmp_path_factory.mktemp("club"))


def serve(model: Path, folder: Path, *batches: pd.DataFrame) -> list[dict[str, Any]]:
    """Asks a server for the answers to each batch, and logs them; returns the answers."""
    log, told = RequestLog(folder, model, 1, 30, print), []
    with TestClient(scoring_app(model, ServedProduct(model, log.note))) as client:
        for frame in batches:
            rows = json.loads(frame.to_json(orient="records"))
            answer = client.post("/invocations", json={"dataframe_records": rows})
            assert answer.status_code == 200, answer.text
            told.append(answer.json()["predictions"])
    log.close()
    return told


def test_the_loop_of_a_table(registered: tuple[Recipe, Workspace], tmp_path: Path) -> None:
    recipe, workspace = registered
    _, model = registry.champion(workspace.tracking_uri, "club")
    asked = members(300, seed=21)
    told = serve(model, tmp_path / "log", asked.head(200), asked.tail(100).drop(columns="left"))
    [file] = (tmp_path / "log").iterdir()
    kept = pd.read_parquet(file)
    assert "left" not in kept.columns, "what a client says of the target is not kept"
    assert kept["member"].tolist() == asked["member"].tolist()
    assert kept["served.answer"].tolist() == told[0]["answer"] + told[1]["answer"]
    assert kept["served.version"].unique().tolist() == [1]
    place = dataclasses.replace(workspace, home=tmp_path)
    first = run_monitor(recipe, tmp_path / "log", None, place)
    assert (first.level, first.rows, first.labelled, first.look) == ("fine", 300, 0, 1)
    asked[["member", "left"]].to_csv(tmp_path / "truth.csv", index=False)
    late = run_monitor(recipe, tmp_path / "log", tmp_path / "truth.csv", place)
    assert (late.labelled, late.look, late.level) == (300, 1, "fine")


def test_an_id_asked_for_twice_and_one_left_out(registered: tuple[Recipe, Workspace], tmp_path: Path) -> None:
    recipe, workspace = registered
    _, model = registry.champion(workspace.tracking_uri, "club")
    asked = members(30, seed=22)
    serve(model, tmp_path / "log", asked, asked.head(5), asked.drop(columns="member").head(4))
    [file] = (tmp_path / "log").iterdir()
    names = asked["member"].tolist()
    assert pd.read_parquet(file)["member"].tolist() == [""] * 5 + names[5:] + names[:5] + [""] * 4
    asked.to_csv(tmp_path / "truth.csv", index=False)
    place = dataclasses.replace(workspace, home=tmp_path)
    assert run_monitor(recipe, file, tmp_path / "truth.csv", place).labelled == 30


def test_dates_text_and_gaps_come_back_as_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 80, 200), "city": rng.choice(["Bonn", "Ulm"], 200)})
    frame["joined"] = pd.date_range("2020-01-01", periods=200).strftime("%d.%m.%Y")
    frame["left"] = np.where(frame["age"] > 50, "yes", "no")
    frame.to_csv(tmp_path / "people.csv", index=False)
    context = Context(runs.workspace(tmp_path))
    spec = DataSpec(source=str(tmp_path / "people.csv"), target="left")
    prepared = preprocess(ingestion.ingest(spec, ingestion.source_stamp(spec), context), (), context.store)
    model = context.store.path(fit_table(prepared, Fit(family="linear"), (), context).content)
    frame.loc[:3, ["age", "city", "joined"]] = None
    frame.to_csv(tmp_path / "asked.csv", index=False)
    wanted = product_inputs.read_examples(tmp_path / "asked.csv", model)
    log = RequestLog(tmp_path / "log", model, 1, 30, print)
    log.note(ServedRows(wanted.inputs, (), {"answer": np.array(["yes"] * 200, dtype=object)}))
    log.close()
    [file] = (tmp_path / "log").iterdir()
    assert str(pd.read_parquet(file)["joined"].dtype).startswith("datetime64")
    found = product_inputs.read_examples(file, model)
    for name, values in wanted.inputs.items():
        np.testing.assert_array_equal(found.inputs[name], values)


def test_images_come_back_as_they_were(tmp_path: Path) -> None:
    file, inputs = tmp_path / "product.onnx", product_files.images(20)
    file.write_bytes(product_files.image_file())
    log = RequestLog(tmp_path / "log", file, 3, 30, print)
    for at in (slice(0, 8), slice(8, 20)):
        rows = {"image": inputs["image"][at]}
        count = len(rows["image"])
        log.note(ServedRows(rows, (), {"answer": np.array(["a"] * count, object), "logits": np.ones((count, 4))}))
    log.close()
    [kept] = (tmp_path / "log").iterdir()
    assert batches_in(tmp_path / "log", None, file) == (kept,)
    found = product_inputs.read_examples(kept, file)
    np.testing.assert_array_equal(found.inputs["image"], inputs["image"])
    assert found.inputs["image"].dtype == np.uint8
    with np.load(kept, allow_pickle=False) as archive:
        assert archive["served.version"].tolist() == [3] * 20
        assert archive["served.logits"].shape == (20, 4)
