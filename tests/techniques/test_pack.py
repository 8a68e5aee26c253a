"""Pack: the contract on files with zeros, exactness, and refusal where nothing is zero."""

from __future__ import annotations

from typing import Any

import contract
import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support import product_files

from tasks.core import Refusal
from tasks.kernels.onnx import description, sessions
from tasks.kernels.onnx_passes import static_quantization
from tasks.techniques import Batches, Pack


def sparse(model: bytes, share: float) -> bytes:
    """The file with this share of each matrix's smallest weights set to zero."""
    proto = onnx.load_from_string(model)
    for tensor in proto.graph.initializer:
        array = numpy_helper.to_array(tensor).copy()
        if array.ndim > 1 and array.dtype == np.float32:
            array[np.abs(array) <= np.quantile(np.abs(array), share)] = 0
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    return bytes(proto.SerializeToString())


def table(share: float = 0.8, hidden: int = 64) -> tuple[bytes, Batches]:
    return sparse(product_files.table_file(hidden), share), [(product_files.rows(40), None)]


def test_contract() -> None:
    model, batches = table()
    plan = contract.check(Pack(), lambda seed: model, batches)
    assert plan is not None
    assert "middle" in plan["constants"]
    assert plan["bytes"] == [len(model), len(Pack().apply(model, plan))]
    assert plan["examples"] == 40
    assert plan["bytes"][1] < 0.6 * plan["bytes"][0]


def test_answers_and_counts_stay() -> None:
    model, batches = table()
    packed = Pack().apply(model, Pack().plan(model, batches))
    rows = product_files.rows(200, seed=3)
    assert np.array_equal(sessions.predict(model, rows), sessions.predict(packed, rows))
    before, after = description.describe(model), description.describe(packed)
    assert after.bytes < before.bytes
    assert (after.parameters, after.nonzeros, after.macs) == (before.parameters, before.nonzeros, before.macs)


def quantized(model: bytes, batches: Batches) -> bytes:
    fused, inputs = static_quantization.fuse(model), [batch for batch, _ in batches]
    nodes = static_quantization.quantizable(fused)
    return static_quantization.quantize(
        fused, nodes, static_quantization.collect_ranges(fused, nodes, inputs, "minmax"), "u8s8_reduced"
    )


def test_eight_bits_before_and_after() -> None:
    """Quantized, then packed is the smallest; packed, then quantized answers the same, and is dense again."""
    model, batches = table(hidden=128)
    first = quantized(model, batches)
    best = Pack().apply(first, Pack().plan(first, batches))
    packed = Pack().apply(model, Pack().plan(model, batches))
    late = quantized(packed, batches)
    assert len(best) < min(len(first), len(packed), len(late))
    rows = product_files.rows(100, seed=5)
    answers: list[Any] = [sessions.predict(data, rows) for data in (first, best, late)]
    assert np.array_equal(answers[0], answers[1])
    assert np.array_equal(answers[0], answers[2])


def test_nothing_to_gain_is_refused() -> None:
    with pytest.raises(Refusal, match="too few entries are zero to save a byte: middle"):
        Pack().plan(product_files.table_file(64), [(product_files.rows(8), None)])


def test_a_packed_file_is_refused() -> None:
    model, batches = table()
    packed = Pack().apply(model, Pack().plan(model, batches))
    with pytest.raises(Refusal, match="too few entries"):
        Pack().plan(packed, batches)


def test_a_plan_of_another_graph_is_refused() -> None:
    with pytest.raises(Refusal, match="another graph: constant middle"):
        Pack().apply(product_files.image_file(), {"constants": ["middle"]})


def test_an_old_file_is_refused() -> None:
    model, batches = table()
    proto = onnx.load_from_string(model)
    proto.opset_import[0].version = 12
    with pytest.raises(Refusal, match="operator set 12 is older than 13"):
        Pack().plan(bytes(proto.SerializeToString()), batches)
