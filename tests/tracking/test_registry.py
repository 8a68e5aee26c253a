"""The registry on a real SQLite store, with small real ONNX files of images and of tables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tasks import tracking
from tasks.core import InputError, Refusal, digest_file
from tasks.tracking import registry
from tasks.tracking.registry import Version

PIXELS = np.arange(2 * 3 * 3 * 1, dtype=np.uint8).reshape(2, 3, 3, 1)
ROWS = {
    "age": np.array([[30.0], [np.nan], [2.0]], np.float32),
    "city": np.array([["Bonn"], ["Ulm"], [""]], object),
}


def save(path: Path, nodes: list[onnx.NodeProto], inputs: list[onnx.ValueInfoProto], constant: float) -> Path:
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", None])
    constants = [helper.make_tensor("constant", TensorProto.FLOAT, [], [constant])]
    graph = helper.make_graph(nodes, "product", inputs, [output], constants)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def image_model(path: Path, factor: float = 2.0) -> Path:
    """Logits: the pixels of an image in a row, times `factor`."""
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["pixels", "constant"], ["scaled"]),
        helper.make_node("Flatten", ["scaled"], ["logits"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 3, 3, 1])
    return save(path, nodes, [image], factor)


def table_model(path: Path) -> Path:
    """One logit: age (5 where missing) plus 100 in Bonn, 200 in Ulm, 300 where the city is missing."""
    cities = {"keys_strings": ["Bonn", "Ulm", ""], "values_floats": [100.0, 200.0, 300.0]}
    nodes = [
        helper.make_node("LabelEncoder", ["city"], ["place"], domain="ai.onnx.ml", **cities),
        helper.make_node("IsNaN", ["age"], ["missing"]),
        helper.make_node("Where", ["missing", "constant", "age"], ["years"]),
        helper.make_node("Add", ["years", "place"], ["logits"]),
    ]
    age = helper.make_tensor_value_info("age", TensorProto.FLOAT, ["batch", 1])
    city = helper.make_tensor_value_info("city", TensorProto.STRING, ["batch", 1])
    return save(path, nodes, [age, city], 5.0)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('home')}/mlflow.db"


@pytest.fixture(scope="module")
def run(uri: str) -> str:
    return tracking.open_run(uri, "registry", "flow", "key", {}, {})


def register(uri: str, run: str, model: Path, name: str, factor: float = 2.0, **tags: str) -> Version:
    expected = factor * PIXELS.reshape(2, 9).astype(np.float32)
    return registry.register(uri, model, name, run, tags, {"image": PIXELS}, {"logits": expected})


def test_the_first_is_champion_and_later_ones_challenge(uri: str, run: str, tmp_path: Path) -> None:
    first = register(uri, run, image_model(tmp_path / "1", 1.0), "order", 1.0)
    second = register(uri, run, image_model(tmp_path / "2", 2.0), "order", 2.0)
    third = register(uri, run, image_model(tmp_path / "3", 3.0), "order", 3.0)
    assert first == Version("order", 1, "champion", run)
    assert [second.alias, third.alias] == ["challenger", "challenger"]
    aliases = tracking.open_client(uri).get_registered_model("order").aliases
    assert {alias: int(number) for alias, number in aliases.items()} == {"champion": 1, "challenger": 3}


def test_the_same_product_is_registered_once(uri: str, run: str, tmp_path: Path) -> None:
    model = image_model(tmp_path / "model.onnx")
    first = register(uri, run, model, "once", **{"paredown.candidate": "a"})
    assert register(uri, run, model, "once", **{"paredown.candidate": "a"}) == first
    other = register(uri, run, model, "once", **{"paredown.candidate": "b"})
    assert other == Version("once", 2, "challenger", run)
    assert len(tracking.open_client(uri).search_model_versions("name = 'once'")) == 2


def test_a_registration_that_was_cut_short_is_completed(uri: str, run: str, tmp_path: Path) -> None:
    model, client = image_model(tmp_path / "model.onnx"), tracking.open_client(uri)
    first = register(uri, run, model, "short")
    client.delete_registered_model_alias("short", "champion")
    client.delete_model_version_tag("short", "1", "paredown.verified")
    assert register(uri, run, model, "short") == first
    assert client.get_model_version_by_alias("short", "champion").tags["paredown.verified"] == "true"


def test_the_version_carries_its_tags_its_run_and_the_very_bytes(uri: str, run: str, tmp_path: Path) -> None:
    model = image_model(tmp_path / "model.onnx")
    register(uri, run, model, "bytes", **{"paredown.score": "accuracy 0.91", "paredown.candidate": "c0ffee"})
    version, file = registry.champion(uri, "bytes", tmp_path / "download")
    assert version == Version("bytes", 1, "champion", run)
    assert file.read_bytes() == model.read_bytes()
    assert file.is_relative_to(tmp_path / "download")
    tags = tracking.open_client(uri).get_model_version("bytes", "1").tags
    assert tags["paredown.score"] == "accuracy 0.91"
    assert tags["paredown.file"] == digest_file(model)
    assert len(tracking.open_client(uri).get_run(run).outputs.model_outputs) >= 1


def test_a_model_that_predicts_something_else_is_refused_and_leaves_nothing(uri: str, run: str, tmp_path: Path) -> None:
    model = image_model(tmp_path / "model.onnx", factor=2.001)
    with pytest.raises(Refusal, match=r"MLflow model wrong version 1: outputs differ by 0\.017"):
        register(uri, run, model, "wrong", factor=2.0)
    assert not tracking.open_client(uri).search_model_versions("name = 'wrong'")
    assert register(uri, run, model, "wrong", factor=2.001).alias == "champion"


def test_the_tolerance_is_a_share_of_the_largest_output(uri: str, run: str, tmp_path: Path) -> None:
    """The largest output is 2 x 17 = 34, the bound 0.0034: 17 x 1.9e-4 = 0.0032 passes, 17 x 2.1e-4 fails."""
    assert register(uri, run, image_model(tmp_path / "1", 2.0 + 1.9e-4), "share").version == 1
    with pytest.raises(Refusal, match=r"more than 0\.0001 of the largest output"):
        register(uri, run, image_model(tmp_path / "2", 2.0 + 2.1e-4), "share")


@pytest.mark.parametrize("name", ["a/b", "a:b", " "])
def test_names_that_mlflow_cannot_hold(uri: str, run: str, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="must not be empty nor hold"):
        register(uri, run, image_model(tmp_path / "model.onnx"), name)


def test_no_champion_names_the_nearest(uri: str, run: str, tmp_path: Path) -> None:
    register(uri, run, image_model(tmp_path / "model.onnx"), "churn")
    with pytest.raises(InputError, match="got 'chrun'; nearest valid choice: churn"):
        registry.champion(uri, "chrun")
    tracking.open_client(uri).delete_registered_model_alias("churn", "champion")
    with pytest.raises(InputError, match="must have a champion"):
        registry.champion(uri, "churn")
    with pytest.raises(InputError, match="none is registered"):
        registry.champion(f"sqlite:///{tmp_path}/empty.db", "churn")


def test_an_altered_champion_is_not_used(uri: str, run: str, tmp_path: Path) -> None:
    register(uri, run, image_model(tmp_path / "model.onnx"), "altered")
    _, file = registry.champion(uri, "altered")
    image_model(file, factor=3.0)
    with pytest.raises(Refusal, match="altered version 1"):
        registry.champion(uri, "altered")


def test_a_user_of_mlflow_predicts_with_a_frame_and_with_arrays(uri: str, run: str, tmp_path: Path) -> None:
    """What the docstring promises, in a process that has MLflow's address and nothing of ours."""
    expected = np.array([[130.0], [205.0], [302.0]], np.float32)
    text = {**ROWS, "city": ROWS["city"].astype(str)}
    registry.register(uri, table_model(tmp_path / "model.onnx"), "table", run, {}, text, {"logits": expected})
    register(uri, run, image_model(tmp_path / "image.onnx"), "image")
    code = """
import json, mlflow, numpy as np, pandas as pd
table = mlflow.pyfunc.load_model("models:/table@champion")
rows = pd.DataFrame({"city": ["Bonn", "Ulm", ""], "spare": 0, "age": [30, None, 2]})
feeds = {"age": rows[["age"]].to_numpy("float32"), "city": rows[["city"]].to_numpy(object)}
image = mlflow.pyfunc.load_model("models:/image@champion")
pixels = {"image": np.ones((1, 3, 3, 1), np.uint8)}
answers = [table.predict(rows), table.predict(feeds), image.predict(pixels)]
print(json.dumps([answer["logits"].tolist() for answer in answers]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:mlflow", "-c", code],
        cwd=tmp_path, env=os.environ | {"MLFLOW_TRACKING_URI": uri}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [expected.tolist(), expected.tolist(), [[2.0] * 9]]


def test_registering_is_silent(uri: str, run: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    register(uri, run, image_model(tmp_path / "model.onnx"), "silent")
    registry.champion(uri, "silent", tmp_path / "download")
    assert capfd.readouterr() == ("", "")


def test_what_learned_nothing_gets_no_alias_and_prediction_says_so(uri: str, run: str, tmp_path: Path) -> None:
    nothing = {"paredown.candidate": "n", registry.LEARNED: "false"}
    first = register(uri, run, image_model(tmp_path / "1"), "useless", **nothing)
    assert (first.alias, first.uri) == (None, "models:/useless/1 (no alias)")
    law = "must have a champion; the baseline of its version 1 is no better than a constant answer"
    with pytest.raises(InputError, match=law):
        registry.champion(uri, "useless")
    second = register(uri, run, image_model(tmp_path / "2", 3.0), "useless", 3.0, **{registry.LEARNED: "true"})
    assert second.alias == "champion"
    third = register(uri, run, image_model(tmp_path / "3", 4.0), "useless", 4.0, **nothing)
    assert third.alias is None
    assert registry.champion(uri, "useless")[0].version == 2


def test_a_user_of_mlflow_predicts_with_the_named_columns_of_a_wide_table(uri: str, run: str, tmp_path: Path) -> None:
    """In any order, with others beside them and of several types; the answer is one column, row after row."""
    names = [f"c{at}" for at in range(3)]
    weights = np.array([[1, 10], [2, 20], [4, 40]], np.float32)
    nodes = [
        helper.make_node("Cast", ["columns"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["floats", "weights"], ["sums"]),
        helper.make_node("Mul", ["sums", "constant"], ["logits"]),
    ]
    taken = helper.make_tensor_value_info("columns", TensorProto.DOUBLE, ["batch", 3])
    path = save(tmp_path / "wide.onnx", nodes, [taken], 2.0)
    made = onnx.load(path)
    made.graph.initializer.append(helper.make_tensor("weights", TensorProto.FLOAT, (3, 2), weights))
    helper.set_model_props(made, {"columns": json.dumps(names)})
    onnx.save(made, path)
    rows = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    expected = (2 * rows @ weights).astype(np.float32)
    registry.register(uri, path, "wide", run, {}, {"columns": rows}, {"logits": expected})
    code = """
import json, mlflow, numpy as np, pandas as pd
wide = mlflow.pyfunc.load_model("models:/wide@champion")
rows = pd.DataFrame(np.vstack([np.eye(3), np.ones(3)]), columns=["c0", "c1", "c2"])
rows = rows.astype({"c0": "float32", "c1": "int32"})[["c2", "c0", "c1"]].assign(spare=7)
answer = wide.predict(rows)
refused = []
for wrong in (rows.drop(columns="c1"), {"columns": np.eye(3)}, rows.astype({"c1": "int64"}) * 2):
    try:
        wide.predict(wrong)
    except mlflow.exceptions.MlflowException as error:
        refused.append(str(error).rpartition("Error: ")[2])
print(json.dumps([answer["logits"].to_numpy().reshape(len(rows), -1).tolist(), refused]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env=os.environ | {"MLFLOW_TRACKING_URI": uri}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers, refused = json.loads(done.stdout)
    assert answers == expected.tolist()
    assert [text[:40] for text in refused] == [
        "Model is missing inputs ['c1']. Note tha",
        "Model is missing inputs ['c0', 'c1', 'c2",
        "Incompatible input types for column c1. ",
    ]
