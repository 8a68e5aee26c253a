"""clean: the same answers from fewer operators and bytes, or a refusal."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from contract import check
from support import onnx_files

from tasks.core import Refusal
from tasks.kernels.onnx import sessions
from tasks.techniques import Clean


def batches() -> list[tuple[dict[str, np.ndarray], None]]:
    """Random planes."""
    return [({"pixels": np.random.default_rng(0).normal(size=(6, 3, 8, 8)).astype(np.float32)}, None)]


def old_file() -> bytes:
    """An old export: constants among the inputs, batch norm, an operator for nothing."""
    return bytes(onnx_files.network(opset=9, ir=4, listed=True).SerializeToString())


def test_the_contract_holds() -> None:
    plan = check(Clean(), lambda seed: old_file(), batches())
    assert plan is not None
    # Batch norm goes into the convolution, and the cast from float to float is nothing.
    assert plan["operators"] == [9, 7]
    assert plan["bytes"][0] - plan["bytes"][1] > 4 * 16 * 4, "batch norm's four constants of 16 floats, at least"


def test_constants_are_no_inputs_from_then_on() -> None:
    technique, model = Clean(), old_file()
    after = onnx.load_from_string(technique.apply(model, technique.plan(model, batches())))
    assert [tensor.name for tensor in after.graph.input] == ["pixels"]
    assert not after.graph.value_info
    assert after.producer_name == "other"


def test_the_answers_stay() -> None:
    technique, model = Clean(), old_file()
    inputs = batches()[0][0]
    after = technique.apply(model, technique.plan(model, batches()))
    np.testing.assert_allclose(sessions.predict(after, inputs), sessions.predict(model, inputs), rtol=1e-5, atol=1e-5)


def test_what_is_clean_is_refused() -> None:
    technique, model = Clean(), old_file()
    after = technique.apply(model, technique.plan(model, batches()))
    assert technique.apply(after, {}) == after
    with pytest.raises(Refusal, match=r"clean: there is nothing to clean: 7 operators in \d+ bytes would become 7 in"):
        technique.plan(after, batches())
