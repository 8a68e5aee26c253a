"""Raw inputs: a date becomes its parts inside the graph, with the bits that NumPy gives."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from tasks.kernels.onnx.raw_inputs import DateInput, take_dates
from tasks.kernels.statistics import civil_dates

DAY = 86400.0
ORIGIN = 1_600_000_000.0


def graph_of(names: list[str]) -> object:
    """A graph that gives its inputs back side by side."""
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1]) for name in names]
    output = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", len(names)])
    node = helper.make_node("Concat", names, ["features"], axis=1)
    opset = helper.make_opsetid("", 18)
    return helper.make_model(helper.make_graph([node], "g", inputs, [output]), opset_imports=[opset], ir_version=9)


def dates_of_four_centuries() -> np.ndarray:
    """Every midnight from 1800 to 2200, a microsecond and a second before it, random times, and a missing one."""
    midnights = np.arange(-62091.0, 84371.0) * DAY
    random = np.random.default_rng(0).uniform(midnights[0], midnights[-1], 100_000)
    return np.concatenate([midnights, midnights - 1e-6, midnights - 1.0, random, [np.nan]])


def run(parts: tuple[str, ...], seconds: np.ndarray) -> np.ndarray:
    names = [f"hired.{part}" for part in parts]
    model = take_dates(graph_of(["before", *names]), [DateInput("hired", ORIGIN, dict(zip(parts, names, strict=True)))])
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert [(each.name, each.type) for each in session.get_inputs()] == [
        ("before", "tensor(float)"),
        ("hired", "tensor(double)"),
    ]
    feeds = {"before": np.zeros((len(seconds), 1), np.float32), "hired": seconds[:, None]}
    return np.asarray(session.run(None, feeds)[0])[:, 1:]


@pytest.mark.parametrize("parts", [civil_dates.PARTS, ("hour",), ("elapsed",), ("weekday", "month")])
def test_the_graph_has_the_bits_of_numpy(parts: tuple[str, ...]) -> None:
    seconds = dates_of_four_centuries()
    expected = civil_dates.date_parts(seconds, ORIGIN, parts, np.floor)
    columns = np.stack([expected[part].astype(np.float32) for part in parts], axis=1)
    assert np.array_equal(run(parts, seconds).view(np.uint32), columns.view(np.uint32))
    assert np.isnan(columns[-1]).all()
    assert not np.isnan(columns[:-1]).any()
