"""fp16: the contract, what stays float32, and what float16 cannot hold."""

from __future__ import annotations

import contract
import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support import onnx_graphs, product_files

from tasks.core import InputError, Refusal
from tasks.kernels.onnx import sessions
from tasks.techniques import Batches, Fp16
from tasks.techniques.quantization import variant_comparison


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variant_comparison, "SECONDS", 0.01)


def batches(count: int = 64) -> Batches:
    images = product_files.images(count)["image"]
    return [({"image": images[at : at + 16]}, np.arange(16) % 4) for at in range(0, count, 16)]


def test_contract_on_pixels() -> None:
    model = onnx_graphs.padded_file()
    plan = contract.check(Fp16(), lambda seed: model, batches())
    assert plan is not None
    tried = plan["tried"][0]
    assert tried["error"] < 0.01
    assert tried["agreement"] > 0.95
    assert tried["accuracy"] is not None
    assert tried["bytes"] < 0.75 * len(model)
    assert min(tried["ms"], tried["speedup"]) > 0


def test_contract_on_a_table_whose_answers_are_beyond_float16() -> None:
    model, columns = product_files.table_file(64), product_files.rows(64)
    assert np.abs(sessions.predict(model, columns)).max() > 65504
    plan = contract.check(Fp16(), lambda seed: model, [(columns, None)])
    assert plan is not None
    assert plan["tried"][0]["error"] < 0.01


def test_kept_operators_stay_float() -> None:
    model = onnx_graphs.padded_file()
    plan = Fp16(keep=("head", "Relu")).plan(model, batches())
    assert "head" not in plan["nodes"]
    assert not any(name.startswith("Relu") for name in plan["nodes"])
    data = onnx.load_from_string(Fp16().apply(model, plan))
    head = next(tensor for tensor in data.graph.initializer if tensor.name == "network/head.weight")
    assert head.data_type == onnx.TensorProto.FLOAT


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(InputError, match=r"keep: .*nearest valid choice: head"):
        Fp16(keep=("haed",)).plan(onnx_graphs.padded_file(), batches())


def scaled(name: str, factor: float) -> bytes:
    proto = onnx.load_from_string(onnx_graphs.padded_file())
    tensor = next(tensor for tensor in proto.graph.initializer if tensor.name == name)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), name))
    return bytes(proto.SerializeToString())


def test_a_weight_beyond_float16_is_named() -> None:
    with pytest.raises(Refusal, match=r"fp16: network/head.weight reaches .* float16 ends at 65504"):
        Fp16().plan(scaled("network/head.weight", 1e6), batches())
    with pytest.raises(Refusal, match="fp16: logits reaches"):
        Fp16().plan(scaled("network/head.weight", 3e3), batches())
    plan = Fp16(keep=("head",)).plan(scaled("network/head.weight", 1e6), batches())
    assert plan["largest"] < 65504


def test_an_activation_beyond_float16_is_named() -> None:
    with pytest.raises(Refusal, match=r"fp16: [a-l] reaches .* on calibration examples"):
        Fp16().plan(scaled("network/stem.weight", 6e4), batches())


def test_nothing_to_halve() -> None:
    with pytest.raises(Refusal, match="no product is left"):
        Fp16(keep=("Conv", "Relu", "Add", "Gemm", "GlobalAveragePool", "Flatten")).plan(
            onnx_graphs.padded_file(), batches()
        )


def test_a_plan_of_another_graph_is_refused() -> None:
    plan = Fp16().plan(onnx_graphs.padded_file(), batches())
    with pytest.raises(Refusal, match="another graph"):
        Fp16().apply(product_files.table_file(), plan)


def test_no_examples() -> None:
    with pytest.raises(InputError, match="there are none"):
        Fp16().plan(onnx_graphs.padded_file(), [])
