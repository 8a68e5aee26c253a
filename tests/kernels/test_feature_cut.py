"""Feature cut: the last layer's input as a file of its own, for files of all kinds of arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import onnx_files, product_files

from tasks.kernels.onnx import description, sessions
from tasks.kernels.onnx.feature_cut import cut_features
from tasks.kernels.onnx.serialization import constants, load_proto
from tasks.kernels.onnx_passes import dynamic_quantization, static_quantization

IMAGES = product_files.images(16)


def test_the_last_layer_completes_what_was_cut() -> None:
    model = product_files.image_file()
    cut = cut_features(model)
    assert cut is not None
    features = sessions.predict(cut, IMAGES)
    assert features.shape == (16, 8)
    held = constants(load_proto(model))
    weight = next(each for each in held.values() if each.shape == (4, 8))
    bias = next(each for each in held.values() if each.shape == (4,) and each.dtype == np.float32)
    assert features @ weight.T + bias == pytest.approx(sessions.predict(model, IMAGES), abs=1e-5)
    assert len(cut) < len(model)
    assert description.metadata(cut)["classes"] == '["a", "b", "c", "d"]'
    assert cut == cut_features(model)


def test_files_in_eight_bits_have_real_features() -> None:
    whole = cut_features(product_files.image_file())
    assert whole is not None
    expected = sessions.predict(whole, IMAGES)
    fused = static_quantization.fuse(product_files.image_file())
    nodes = static_quantization.quantizable(fused)
    ranges = static_quantization.collect_ranges(fused, nodes, [IMAGES], "minmax")
    for model in (
        static_quantization.quantize(fused, nodes, ranges, "u8s8", True),
        dynamic_quantization.quantize_dynamic(fused, nodes, True),
    ):
        cut = cut_features(model)
        assert cut is not None
        found = sessions.predict(cut, IMAGES)
        assert found.dtype == np.float32
        assert np.abs(found - expected).max() < 0.1 * np.abs(expected).max()


def test_nothing_is_before_the_only_layer() -> None:
    weight = numpy_helper.from_array(np.ones((3, 2), np.float32), "weight")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])],
        [weight],
    )
    assert cut_features(onnx_files.model(graph, 17, 8).SerializeToString()) is None
