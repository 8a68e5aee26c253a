"""Timing in turns and in fresh processes."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnx
import pytest
import small_products
from onnx import TensorProto, helper, numpy_helper

from tasks.kernels import latency


def busy(milliseconds: float) -> None:
    end = time.perf_counter() + milliseconds / 1000
    while time.perf_counter() < end:
        pass


def product(weights: int) -> bytes:
    """A matrix product whose square weights have `weights` rows."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", weights])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", weights])],
        [numpy_helper.from_array(np.ones((weights, weights), dtype=np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def test_interleave_sees_a_factor_of_three() -> None:
    times = latency.interleave({"slow": lambda: busy(0.6), "fast": lambda: busy(0.2)}, seconds=0.3)
    assert times["slow"].shape[1] == 3
    assert times["slow"].shape[0] == times["fast"].shape[0] >= latency.ROUNDS
    assert latency.ratio(times["slow"], times["fast"]) == pytest.approx(3, rel=0.15)
    assert times["slow"].min() >= 0.6


def test_blocks_of_tiny_calls_are_long_enough() -> None:
    times = latency.interleave({"tiny": lambda: None}, seconds=0.0)
    rounds, calls = times["tiny"].shape
    assert rounds == latency.ROUNDS
    assert calls > 100


def test_compare_by_hand() -> None:
    """Ratios 2 in every process, whatever the machine's speed; equal times; half the speed."""
    slow = [np.full((5, 3), 2.0 * machine) for machine in (1.0, 1.5, 3.0)]
    processes = [{"base": t, "double": t / 2, "same": t * 1.0, "half": t * 2} for t in slow]
    found = latency.compare(processes, "base")
    assert (found["double"].ratio, found["double"].verdict) == (pytest.approx(2), "faster")
    assert (found["half"].ratio, found["half"].verdict) == (pytest.approx(0.5), "slower")
    assert (found["base"].ratio, found["base"].low, found["base"].high) == (1, 1, 1)
    assert found["same"].verdict == "no measurable change"
    assert found["double"].median_ms == pytest.approx(1.5)
    assert (found["double"].calls, found["double"].processes) == (45, 3)


def test_the_spread_between_processes_decides() -> None:
    """1.40, 1.41 and 1.59 times as fast is faster; 0.9, 1.2 and 1.5 times is not known."""
    times = np.ones((5, 3))
    found = latency.compare([{"base": times * r, "x": times} for r in (1.40, 1.41, 1.59)], "base")
    assert found["x"].verdict == "faster"
    found = latency.compare([{"base": times * r, "x": times} for r in (0.9, 1.2, 1.5)], "base")
    assert found["x"].verdict == "no measurable change"


def test_a_thousandth_is_no_change_however_well_the_processes_agree() -> None:
    times = np.ones((5, 3))
    found = latency.compare([{"base": times * 1.004, "x": times} for _ in range(3)], "base")
    assert found["x"].low > 1
    assert found["x"].verdict == "no measurable change"


def test_one_stall_does_not_move_the_ratio() -> None:
    base, other = np.ones((9, 3)), np.full((9, 3), 0.5)
    other[4] = 100.0
    assert latency.ratio(base, other) == 2.0


def test_fresh_processes_time_files_with_text_inputs(tmp_path: Path) -> None:
    paths = {}
    for hidden in (16, 1_000):
        paths[f"hidden {hidden}"] = tmp_path / f"{hidden}.onnx"
        paths[f"hidden {hidden}"].write_bytes(small_products.table_file(hidden))
    heard: list[int] = []
    found = latency.time_models(paths, small_products.rows(1), processes=2, seconds=0.2, on_process=heard.append)
    assert heard == [1, 2]
    assert all(times.keys() == paths.keys() for times in found)
    assert all(latency.ratio(times["hidden 1000"], times["hidden 16"]) > 1.2 for times in found)


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(RuntimeError, match="timing process ended"):
        latency.time_models({"broken": path}, small_products.rows(1), seconds=0.1)


def test_peak_memory_follows_the_weights(tmp_path: Path) -> None:
    grown = []
    for weights in (8, 4096):
        path = tmp_path / f"{weights}.onnx"
        path.write_bytes(product(weights))
        grown.append(latency.peak_memory(path, {"x": np.ones((1, weights), dtype=np.float32)}))
    assert 0 < grown[0] < 30
    assert grown[1] - grown[0] > 64  # MiB of weights
