"""Champion server: MLflow's scoring server answers as the product does when `predict` reads a file of the same rows."""

from __future__ import annotations

import json
import re
import shlex
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from support import product_files, runs
from support.watched_champions import club, members, register_champion

from flows.cli.predict import predict_file
from flows.loop.serving.champion_server import example_command, example_request, serve_champion
from flows.loop.serving.served_product import ServedProduct
from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from tasks import tracking
from tasks.core import InputError, Workspace
from tasks.kernels.engines import openvino_model
from tasks.kernels.engines.openvino_model import CompiledFile
from tasks.kernels.engines.runtime_record import RuntimeRecord, installed_version, with_record
from tasks.kernels.onnx import sessions
from tasks.tracking import registry
from tasks.tracking.scoring_server import open_port, scoring_app

ROW = {"age": 41, "city": "Ulm"}


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Workspace]:
    return club(tmp_path_factory.mktemp("club"))


@pytest.fixture(scope="module")
def client(registered: tuple[Recipe, Workspace]) -> Iterator[TestClient]:
    """The server of the club's champion, without a process of its own."""
    _, model = registry.champion(registered[1].tracking_uri, "club")
    with TestClient(scoring_app(model, ServedProduct(model))) as found:
        yield found


def asked(client: TestClient, content: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post("/invocations", json=content)
    return answer.status_code, answer.json()


def answered(client: TestClient, rows: list[dict[str, Any]]) -> dict[str, Any]:
    status, found = asked(client, {"dataframe_records": rows})
    assert status == 200, found
    return dict(found["predictions"])


def said(client: TestClient, content: Any) -> str:
    """The sentence with which a request is refused."""
    status, found = asked(client, content)
    assert status == 400, found
    return str(found["message"])


def fitted(folder: Path, frame: pd.DataFrame, name: str) -> tuple[Path, Recipe, Workspace]:
    """The champion's file of another table, its recipe, and where it is registered."""
    frame.to_csv(folder / "table.csv", index=False)
    data = {"source": str(folder / "table.csv"), "target": "left", "id": "member"}
    recipe = validate_recipe({"name": name, "data": data, "model": {"family": "linear"}})
    workspace = runs.workspace(folder)
    register_champion(recipe, workspace)
    return registry.champion(workspace.tracking_uri, name)[1], recipe, workspace


def test_rows_get_the_answers_of_predict(
    client: TestClient, registered: tuple[Recipe, Workspace], tmp_path: Path
) -> None:
    rows = members(60, seed=3).drop(columns="left")
    rows.loc[:4, "city"] = "Oslo"
    rows.loc[5:9, "city"] = None
    rows["age"] = rows["age"].astype("float64").mask(rows.index % 7 == 0)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    wanted = predict_file(registered[0], tmp_path / "rows.csv", registered[1])
    found = answered(client, json.loads(rows.to_json(orient="records")))
    assert found["answer"] == wanted.answers.tolist()
    np.testing.assert_allclose(found["probabilities"], wanted.probabilities, atol=1e-6)
    assert set(found["answer"]) == {"yes", "no"}
    kinds = {"text/csv": (tmp_path / "rows.csv").read_bytes(), "application/vnd.apache.parquet": rows.to_parquet()}
    for kind, content in kinds.items():
        answer = client.post("/invocations", content=content, headers={"Content-Type": kind})
        assert answer.json()["predictions"] == found


def test_all_forms_of_a_request_are_one(client: TestClient) -> None:
    wanted = answered(client, [ROW])
    forms = [
        {"dataframe_split": {"columns": ["city", "age"], "data": [["Ulm", 41]]}},
        {"inputs": {"age": [41], "city": ["Ulm"]}},
        {"inputs": {"age": [[41]], "city": [["Ulm"]]}},
        {"inputs": [ROW]},
        {"instances": [ROW]},
    ]
    for form in forms:
        assert asked(client, form) == (200, {"predictions": wanted})


def test_order_other_columns_and_other_types_change_nothing(client: TestClient) -> None:
    wanted = answered(client, [ROW])
    for row in (
        {"city": "Ulm", "member": "M-1", "age": 41},
        {"age": 41.0, "city": " Ulm "},
        {"age": "41", "city": "Ulm"},
    ):
        assert answered(client, [row]) == wanted


def test_null_is_missing_and_a_new_category_is_unknown(client: TestClient) -> None:
    empty = answered(client, [{"age": 41, "city": ""}])
    assert answered(client, [{"age": 41, "city": None}]) == empty
    assert answered(client, [ROW, {"age": 41, "city": None}])["answer"][1:] == empty["answer"]
    assert answered(client, [{"age": 41, "city": "Oslo"}]) == answered(client, [{"age": 41, "city": "Rome"}])
    assert answered(client, [{"age": None, "city": "Ulm"}]) == answered(client, [{"age": "", "city": "Ulm"}])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"dataframe_records": [{"city": "Ulm"}]}, "INPUT: the request must have the column 'age'"),
        ({"dataframe_records": [ROW | {"age": "old"}]}, "column 'age' of the request must hold numbers"),
        ({"dataframe_records": [ROW | {"city": ["Ulm"]}]}, "column 'city' of the request must hold numbers or text"),
        ({"dataframe_records": []}, "the request must hold at least one row"),
        ({"inputs": [[41, 2]]}, "the request must hold rows with the names of their columns"),
        ({"inputs": {"age": [41], "city": ["Ulm", "Bonn"]}}, "the request must hold rows of a table"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(client: TestClient, content: Any, says: str) -> None:
    found = said(client, content)
    assert says in found
    assert "\n" not in found


def test_many_unknown_texts_are_a_mistake_as_in_a_file(client: TestClient) -> None:
    rows = [{"age": 41, "city": f"place {number}"} for number in range(20)]
    assert "'city' of the request must hold values that training knows (20 of 20 are new)" in said(
        client, {"dataframe_records": rows}
    )


def test_the_example_is_answered(client: TestClient, registered: tuple[Recipe, Workspace], tmp_path: Path) -> None:
    _, model = registry.champion(registered[1].tracking_uri, "club")
    request = example_request(model)
    assert list(request["dataframe_records"][0]) == ["age", "city"]
    assert request["dataframe_records"][0]["city"] in ("Bonn", "Ulm", "Jena")
    words = shlex.split(example_command("http://127.0.0.1:1", request, tmp_path / "request.json"))
    assert words[:3] == ["curl", "-s", "http://127.0.0.1:1/invocations"]
    assert asked(client, json.loads(words[-1]))[0] == 200
    assert client.get("/ping").status_code == 200


def test_dates_are_text_as_in_training(tmp_path: Path) -> None:
    frame = members(200).assign(joined=pd.date_range("2020-01-01", periods=200).strftime("%d.%m.%Y"))
    frame["left"] = np.where(frame.index > 100, "yes", "no")
    model, recipe, workspace = fitted(tmp_path, frame, "dated")
    rows = frame.drop(columns="left").iloc[::20]
    rows.to_csv(tmp_path / "rows.csv", index=False)
    with TestClient(scoring_app(model, ServedProduct(model))) as client:
        found = answered(client, json.loads(rows.to_json(orient="records")))
        np.testing.assert_allclose(
            found["probabilities"], predict_file(recipe, tmp_path / "rows.csv", workspace).probabilities, atol=1e-6
        )
        row = example_request(model)["dataframe_records"][0]
        assert re.fullmatch(r"\d\d\.0[345]\.2020", row["joined"])
        answered(client, [row])
        told = said(client, {"dataframe_records": [row | {"joined": "yesterday"}]})
        assert "column 'joined' of the request must hold dates in the form %d.%m.%Y" in told


def test_a_wide_table_whose_columns_are_one_input(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 70)), columns=[f"sensor {place}" for place in range(70)])
    frame = frame.assign(member=[f"M-{row}" for row in range(200)], left=np.where(frame["sensor 3"] > 0, "yes", "no"))
    model, recipe, workspace = fitted(tmp_path, frame, "wide")
    rows = frame.drop(columns="left").iloc[:9, ::-1]
    rows.to_csv(tmp_path / "rows.csv", index=False)
    with TestClient(scoring_app(model, ServedProduct(model))) as client:
        found = answered(client, json.loads(rows.to_json(orient="records", double_precision=15)))
        wanted = predict_file(recipe, tmp_path / "rows.csv", workspace)
        np.testing.assert_allclose(found["probabilities"], wanted.probabilities, atol=1e-5)
        assert found["answer"] == wanted.answers.tolist()
        assert "must have the column 'sensor 7'" in said(
            client, {"dataframe_records": json.loads(rows.drop(columns="sensor 7").to_json(orient="records"))}
        )


# --- images ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Path]]:
    home = tmp_path_factory.mktemp("pictures")
    workspace, file, inputs = runs.workspace(home), home / "product.onnx", product_files.images(8)
    file.write_bytes(product_files.image_file())
    run = tracking.open_run(workspace.tracking_uri, "pictures", "fit", "key", {}, {}, home / "mlflow")
    outputs = sessions.run_all(file, inputs)
    registry.register(workspace.tracking_uri, file, "pictures", run, {"paredown.candidate": "a"}, inputs, outputs)
    _, model = registry.champion(workspace.tracking_uri, "pictures")
    with TestClient(scoring_app(model, ServedProduct(model))) as found:
        yield found, model


def test_images_get_the_answers_of_the_product(pictures: tuple[TestClient, Path]) -> None:
    client, model = pictures
    images = product_files.images(12, seed=5)["image"]
    status, found = asked(client, {"inputs": {"image": images.tolist()}})
    assert status == 200, found
    logits = sessions.predict(model, {"image": images})
    np.testing.assert_allclose(found["predictions"]["logits"], logits, rtol=1e-4, atol=1e-5)
    assert found["predictions"]["answer"] == ["abcd"[at] for at in logits.argmax(axis=1)]
    assert asked(client, {"inputs": images.tolist()})[1] == found


@pytest.mark.skipif(installed_version("openvino") is None, reason="OpenVINO is not installed")
def test_a_file_of_another_engine_is_run_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, images = product_files.image_file(), product_files.images(5, seed=5)["image"]
    file = tmp_path / "model.onnx"
    file.write_bytes(with_record(plain, RuntimeRecord("openvino", "", "f32", batch=1)))
    opened: list[str] = []
    compile_file = openvino_model.compile_file

    def spy(model: Path | bytes, record: RuntimeRecord, batch: int = 0) -> CompiledFile:
        opened.append(record.engine)
        return compile_file(model, record, batch)

    monkeypatch.setattr(openvino_model, "compile_file", spy)
    with TestClient(scoring_app(file, ServedProduct(file))) as client:
        for count in (1, 5):
            status, found = asked(client, {"inputs": {"image": images[:count].tolist()}})
            assert status == 200, found
            logits = sessions.predict(plain, {"image": images[:count]})
            np.testing.assert_allclose(found["predictions"]["logits"], logits, rtol=1e-4, atol=1e-4)
    assert opened == ["openvino"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"inputs": {"pixels": [[[[1]]]]}}, "the request must hold the input 'image'"),
        ({"inputs": {"image": [[[[1, 2, 3]]]]}}, "images of shape (8, 8, 3)"),
        ({"inputs": {"image": ["a", "b"]}}, "the request must hold examples of numbers, all of one shape"),
        ({"inputs": {"image": [[1, 2], [3]]}}, "inhomogeneous shape"),
        ({"inputs": {"image": [[[[0.5, 0.5, 0.5]] * 8] * 8]}}, "whole numbers from 0 to 255"),
    ],
)
def test_pixels_that_are_none(pictures: tuple[TestClient, Path], content: Mapping[str, Any], says: str) -> None:
    assert says in said(pictures[0], content)


def test_a_long_example_is_a_file(pictures: tuple[TestClient, Path], tmp_path: Path) -> None:
    request = example_request(pictures[1])
    command = example_command("http://127.0.0.1:1", {**request, "more": "x" * 3000}, tmp_path / "request.json")
    assert command.endswith(f"-d @{tmp_path / 'request.json'}")
    assert asked(pictures[0], request)[0] == 200
    assert json.loads((tmp_path / "request.json").read_text())["inputs"] == request["inputs"]


# --- what stands in the way -----------------------------------------------------------------------------------


def serve(workspace: Workspace, name: str, port: int = 0) -> None:
    serve_champion(name, workspace, port, None, ready=lambda serving: None, tell=print)


def test_a_port_in_use_and_a_champion_that_is_not_there(registered: tuple[Recipe, Workspace]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"--port: must be a free port of 127\.0\.0\.1 .*{port}"):
            serve(registered[1], "club", port)
    open_port(port).close()
    with pytest.raises(InputError, match=r"name: .*'clup'; nearest valid choice: club"):
        serve(registered[1], "clup")
