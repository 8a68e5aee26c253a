"""Float16: half precision between the products, and what it cannot hold."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from support import onnx_graphs, product_files

from tasks.kernels.onnx_passes import float16


def test_half_precision_between_the_products() -> None:
    model = onnx_graphs.ready(product_files.table_file(64))
    assert list(float16.float16_candidates(model)) == [
        "first_layer",
        "first_relu",
        "middle_layer",
        "middle_relu",
        "last_layer",
    ]
    data = float16.convert_to_float16(model, float16.float16_candidates(model))
    assert 0 < onnx_graphs.error(model, data, product_files.rows(64)) < 0.01
    graph = onnx.load_from_string(data).graph
    onnx.checker.check_model(onnx.load_from_string(data))
    weights = {tensor.name: tensor.data_type for tensor in graph.initializer if len(tensor.dims) == 2}
    assert weights == {
        "first": TensorProto.FLOAT16,
        "middle": TensorProto.FLOAT16,
        "last": TensorProto.FLOAT16,
        "unit": TensorProto.FLOAT,  # answers in the ten thousands: no matter for float16
    }
    assert [item.type.tensor_type.elem_type for item in graph.output] == [TensorProto.FLOAT]


def test_operators_that_stay_float_are_not_rounded_on_the_way() -> None:
    """Between two of them no value passes through float16: 1e6 would not come out again."""
    model = onnx_graphs.ready(product_files.table_file(64))
    data = float16.convert_to_float16(model, ["first_layer"])
    columns = product_files.rows(64)
    assert onnx_graphs.error(model, data, columns) < 0.01
    casts = onnx_graphs.kinds(data).count("Cast")
    assert casts <= 4


def test_magnitudes_by_hand() -> None:
    model = onnx_graphs.ready(product_files.table_file())
    columns = product_files.rows(10)
    found = float16.magnitudes(model, ["first_layer"], [columns])
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load_from_string(model).graph.initializer}
    assert found["first"] == pytest.approx(float(np.abs(weights["first"]).max()))
    assert found["features"] == pytest.approx(max(1.0, float(np.abs(columns["rooms"]).max())))
    assert set(found) == {"first", "first_bias", "features", "a"}
