"""Answer choice: which output of a file answers the data, and that every form of answer gives the right scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from support import datasets

from tasks.conversion import onnx_import
from tasks.conversion.onnx_export import Export
from tasks.core import Goal, InputError, Prepared, Runtime, Store
from tasks.data import input_layout, preprocessing
from tasks.evaluation import scoring
from tasks.kernels.onnx import description, sessions
from tasks.kernels.statistics.metrics import METRICS
from tasks.models.model_spec import ModelSpec

COUNT = 60
RUNTIME = Runtime(processes=3)
WEIGHT = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def numbers(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(COUNT, 4)).astype(np.float32)


def prepare(store: Store, classes: int) -> Prepared:
    """Numbers (60, 4) under the name `x`; the target is the largest score, its sign, or the number itself."""

    def part(seed: int) -> tuple[Any, NDArray[Any]]:
        scores = numbers(seed) @ WEIGHT
        return numbers(seed), {3: scores.argmax(1), 2: (scores[:, 0] > 0).astype(np.int64), 0: scores[:, 0]}[classes]

    splits = {name: part(seed) for seed, name in enumerate(datasets.ORDER)}
    return preprocessing.preprocess(datasets.array_set(store, splits, classes), (), store)


def write(tmp_path: Path, steps: list[tuple[str, dict[str, Any]]], outputs: list[tuple[str, int, Any]]) -> Path:
    """A file that computes the scores `z`, then operators: (`Kind |inputs|output`, attributes)."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"])]
    for words, attributes in steps:
        kind, inputs, output = words.split("|")
        nodes.append(helper.make_node(kind.strip(), inputs.split(), [output], **attributes))
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])]
    outs = [(helper.make_tensor_value_info if len(each) == 3 else helper.make_value_info)(*each) for each in outputs]
    constants = [numpy_helper.from_array(WEIGHT, "w"), numpy_helper.from_array(np.array([0]), "first")]
    constants.append(numpy_helper.from_array(np.array([1]), "axis"))
    graph = helper.make_graph(nodes, "g", given, outs, constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)])
    made.ir_version = 8
    file = tmp_path / "model.onnx"
    onnx.save(made, file)
    return file


FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
SOFTMAX, LABEL = ("Softmax |z|p", {}), ("ArgMax |z|label", {"axis": 1, "keepdims": 0})
COLUMN = ("Gather |z first|c", {"axis": 1})
FLAT = ("Squeeze |c axis|f", {})
# name: (classes, operators, outputs, the output that is measured, its form)
FORMS: dict[str, tuple[int, list[Any], list[Any], str, str]] = {
    "logits": (3, [], [("z", FLOAT, ["n", 3])], "z", "rows"),
    "the label first": (3, [SOFTMAX, LABEL], [("label", INT, ["n"]), ("p", FLOAT, ["n", 3])], "p", "probabilities"),
    "features first": (3, [("Tanh |x|t", {})], [("t", FLOAT, ["n", 4]), ("z", FLOAT, ["n", 3])], "z", "rows"),
    "one logit": (2, [COLUMN], [("c", FLOAT, ["n", 1])], "c", "logit"),
    "one flat logit": (2, [COLUMN, FLAT], [("f", FLOAT, ["n"])], "f", "logit"),
    "one probability": (2, [COLUMN, ("Sigmoid |c|s", {})], [("s", FLOAT, ["n", 1])], "s", "probability"),
    "a flat number": (0, [COLUMN, FLAT], [("f", FLOAT, ["n"])], "f", "rows"),
    "a number": (0, [COLUMN], [("c", FLOAT, ["n", 1])], "c", "rows"),
    "a number in 64 bits": (0, [COLUMN, ("Cast |c|d", {"to": 11})], [("d", 11, ["n", 1])], "d", "rows"),
}


def chosen(file: Path, prepared: Prepared, store: Store, **said: Any) -> onnx_import.ImportedModel:
    model = ModelSpec(file=str(file), **said)
    goal = Goal(metric="accuracy" if prepared.dataset.classes else "rmse")
    return onnx_import.check_onnx_model(model, prepared, False, goal, RUNTIME, store)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_answer_gives_the_right_scores(name: str, store: Store, tmp_path: Path) -> None:
    classes, steps, outputs, measured, form = FORMS[name]
    file, prepared = write(tmp_path, steps, outputs), prepare(store, classes)
    found = chosen(file, prepared, store).measured
    assert (found.name, found.form) == (measured, form)
    model, stamp = ModelSpec(file=str(file)), onnx_import.file_stamp(str(file))
    imported = onnx_import.import_onnx(prepared, model, False, Export(), stamp, store)
    data = store.get(imported.content)
    assert description.interface(data) == description.interface(file)
    rows = sessions.predict(data, input_layout.product_inputs(prepared, "validation", store))
    scores = numbers(datasets.ORDER.index("validation")) @ WEIGHT
    if classes == 0:
        np.testing.assert_allclose(rows[:, 0], scores[:, 0], rtol=1e-5)
        return
    logits = scores if classes == 3 else np.stack([np.zeros(COUNT), scores[:, 0]], axis=1)
    targets = store.get_array(prepared.dataset.splits["validation"].targets)
    for metric in ("accuracy", "log_loss"):
        both = scoring.score_products({"file": rows, "true": logits}, "true", targets, METRICS[metric], 0.01)
        assert both["file"][0].value == pytest.approx(both["true"][0].value, rel=1e-4)


def test_the_named_output_is_measured(store: Store, tmp_path: Path) -> None:
    file = write(tmp_path, [("Neg |z|m", {})], [("z", FLOAT, ["n", 3]), ("m", FLOAT, ["n", 3])])
    prepared = prepare(store, 3)
    assert [chosen(file, prepared, store, **said).measured.name for said in ({}, {"output": "m"}, {"output": 1})] == [
        *("z", "m", "m")
    ]


def test_several_that_fit_behind_one_that_does_not_must_be_named(store: Store, tmp_path: Path) -> None:
    outputs = [("label", INT, ["n"]), ("p", FLOAT, ["n", 3]), ("z", FLOAT, ["n", 3])]
    file = write(tmp_path, [SOFTMAX, LABEL], outputs)
    with pytest.raises(InputError, match=r"must say which output is measured; p, z are .*nearest valid choice: p"):
        chosen(file, prepare(store, 3), store)


NUMBER = helper.make_tensor_type_proto(FLOAT, [])
MAPS = helper.make_sequence_type_proto(helper.make_map_type_proto(INT, NUMBER))
ZIPMAP = ("ZipMap |p|maps", {"domain": "ai.onnx.ml", "classlabels_int64s": [0, 1, 2]})


def test_maps_in_a_sequence_are_the_tensor_that_they_are_made_of(store: Store, tmp_path: Path) -> None:
    measured = chosen(write(tmp_path, [SOFTMAX, ZIPMAP], [("maps", MAPS)]), prepare(store, 3), store).measured
    assert (measured.name, measured.form) == ("maps", "probabilities")


SCORES, FEATURES = ("z", FLOAT, ["n", 3]), ("t", FLOAT, ["n", 4])
WANTED = r"an output of floats of shape \(batch, 3\) for the 3 classes of the data"
WRONG: dict[str, tuple[list[Any], list[Any], dict[str, Any], str]] = {
    "no output of this name": (
        [],
        [SCORES],
        {"output": "y"},
        "must name an output of the file, but got 'y'; nearest.*z",
    ),
    "no output of this number": ([], [SCORES], {"output": 3}, "must name an output of the file, but got 3; nearest.*z"),
    "an output that does not answer": (
        *([("Tanh |x|t", {})], [SCORES, FEATURES], {"output": "t"}),
        rf"model\.output: must name {WANTED}, but got 'z float32 \(batch, 3\), t float32 \(batch, 4\)'; nearest.*: z",
    ),
    "labels alone": ([LABEL], [("label", INT, ["n"])], {}, rf"{WANTED}, but got 'label int64.*beside the label"),
    "too many classes": ([("Tanh |x|t", {})], [FEATURES], {}, rf"{WANTED}, but got 't float32 \(batch, 4\)'"),
    "not finite": ([("Log |z|l", {})], [("l", FLOAT, ["n", 3])], {}, "must answer the data with finite numbers"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_answer_is_one_sentence_with_what_to_write(name: str, store: Store, tmp_path: Path) -> None:
    steps, outputs, said, law = WRONG[name]
    file = write(tmp_path, steps, outputs)
    with pytest.raises(InputError, match=law):
        chosen(file, prepare(store, 3), store, **said)
