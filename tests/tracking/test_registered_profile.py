"""The profile of the training data beside a registered version."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tasks import tracking
from tasks.core import InputError, digest_of
from tasks.tracking import registry
from tasks.tracking.registered_profile import PROFILE, attach_profile, profile_of

PROFILE_OF_ORDERS = {"rows": 3, "reference": {"count": 3, "columns": {"größe": {"quantiles": [1, 2.5, 3]}}}}


def registered(folder: Path) -> tuple[str, registry.Version]:
    """A product that doubles its numbers, in a new registry: the address, and its version."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    numbers = np.array([[1.0], [2.0]], np.float32)
    shape = ["batch", 1]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["prediction"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, shape)],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), folder / "model.onnx"
    )
    run = tracking.open_run(uri, "order", "order", "key", {}, {}, folder / "artifacts")
    inputs, expected = {"x": numbers}, {"prediction": 2 * numbers}
    return uri, registry.register(uri, folder / "model.onnx", "order", run, {}, inputs, expected)


def test_the_profile_lies_beside_the_model(tmp_path: Path) -> None:
    uri, version = registered(tmp_path)
    with pytest.raises(InputError, match="must have a profile of its training data"):
        profile_of(uri, "order", version.version)
    attach_profile(uri, version, PROFILE_OF_ORDERS)
    assert profile_of(uri, "order", version.version) == PROFILE_OF_ORDERS
    tags = tracking.open_client(uri).get_model_version("order", str(version.version)).tags
    assert tags[PROFILE] == digest_of(PROFILE_OF_ORDERS)
    attach_profile(uri, version, {"rows": 4})
    assert profile_of(uri, "order", version.version) == {"rows": 4}
    assert registry.champion(uri, "order")[1].name == "model.onnx"
