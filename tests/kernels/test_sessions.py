"""Sessions: small files are run whatever their batches, threads and source."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from support import product_files

from tasks.kernels.onnx import sessions

IMAGES = product_files.images(40)


def test_predict_does_not_depend_on_chunks_or_source(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(product_files.image_file())
    whole = sessions.predict(path, IMAGES)
    assert whole.shape == (40, 4)
    assert sessions.predict(path.read_bytes(), IMAGES, batch=7) == pytest.approx(whole, abs=1e-5)
    assert sessions.predict(path, IMAGES, threads=2) == pytest.approx(whole, abs=1e-5)
    assert sessions.predict(path, IMAGES, optimized=False) == pytest.approx(whole, abs=1e-4)


def test_predict_takes_text_columns() -> None:
    columns = product_files.rows(5)
    columns["town"][0] = "Oslo"  # unknown: all zeros
    outputs = sessions.predict(product_files.table_file(), columns, batch=2)
    model = onnx.load_from_string(product_files.table_file())
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    features = np.hstack([columns["rooms"], columns["town"] == "Bonn", columns["town"] == "Rome"])
    hidden = np.maximum(features @ values["first"] + values["first_bias"], 0)
    hidden = np.maximum(hidden @ values["middle"] + values["middle_bias"], 0)
    assert outputs == pytest.approx(1000 * hidden @ values["last"], rel=1e-3, abs=1e-1)


def test_a_file_with_a_fixed_batch_decides_itself() -> None:
    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["y"])],
        "fixed",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert sessions.predict(model.SerializeToString(), {"x": x}) == pytest.approx(-x)


def test_an_absent_provider_is_an_error() -> None:
    if sessions.available("cuda"):
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(RuntimeError, match="CUDAExecutionProvider"):
        sessions.open_session(product_files.table_file(), provider="cuda")


def test_a_bound_call_answers_for_what_its_arrays_hold() -> None:
    session = sessions.open_session(product_files.image_file())
    images = {name: np.ascontiguousarray(array[:3]) for name, array in IMAGES.items()}
    call = cast("Callable[[], list[NDArray[np.float32]]]", sessions.bound_call(session, images))
    (first,) = call()
    assert first == pytest.approx(session.run(None, images)[0])
    before = first.copy()
    for name, array in images.items():
        array[...] = IMAGES[name][10:13]
    (second,) = call()
    assert second is first
    assert second == pytest.approx(session.run(None, images)[0])
    assert np.abs(second - before).max() > 1e-3


def test_text_is_not_bound() -> None:
    session = sessions.open_session(product_files.table_file())
    rows = product_files.rows(4)
    call = sessions.bound_call(session, rows)
    assert isinstance(call, partial)
    assert call.args == (None, rows)
    assert call()[0] == pytest.approx(session.run(None, rows)[0])


def test_outputs_that_are_no_tensors_are_not_bound() -> None:
    """A sequence of maps, as converted models of scikit-learn have it."""
    graph = helper.make_graph(
        [helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])],
        "maps",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [
            helper.make_value_info(
                "y",
                helper.make_sequence_type_proto(
                    helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
                ),
            )
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    call = sessions.bound_call(
        sessions.open_session(model.SerializeToString()), {"x": np.array([[0.25, 0.75]], np.float32)}
    )
    assert call() == [[{0: 0.25, 1: 0.75}]]
