"""Timing in fresh processes, and what it says against a baseline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import product_files

from tasks.kernels.latency import benchmark
from tasks.kernels.latency.interleaving import time_ratio


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


def test_compare_by_hand() -> None:
    """Ratios 2 in every process, whatever the machine's speed; equal times; half the speed."""
    slow = [np.full((5, 3), 2.0 * machine) for machine in (1.0, 1.5, 3.0)]
    processes = [{"base": t, "double": t / 2, "same": t * 1.0, "half": t * 2} for t in slow]
    found = benchmark.compare_latencies(processes, "base")
    assert (found["double"].ratio, found["double"].verdict) == (pytest.approx(2), "faster")
    assert (found["half"].ratio, found["half"].verdict) == (pytest.approx(0.5), "slower")
    assert (found["base"].ratio, found["base"].low, found["base"].high) == (1, 1, 1)
    assert found["same"].verdict == "no measurable change"
    assert found["double"].median_ms == pytest.approx(1.5)
    assert (found["double"].calls, found["double"].processes) == (45, 3)


def test_the_spread_between_processes_decides() -> None:
    """1.40, 1.41 and 1.59 times as fast is faster; 0.9, 1.2 and 1.5 times is not known."""
    times = np.ones((5, 3))
    found = benchmark.compare_latencies([{"base": times * r, "x": times} for r in (1.40, 1.41, 1.59)], "base")
    assert found["x"].verdict == "faster"
    found = benchmark.compare_latencies([{"base": times * r, "x": times} for r in (0.9, 1.2, 1.5)], "base")
    assert found["x"].verdict == "no measurable change"


def test_a_thousandth_is_no_change_however_well_the_processes_agree() -> None:
    times = np.ones((5, 3))
    found = benchmark.compare_latencies([{"base": times * 1.004, "x": times} for _ in range(3)], "base")
    assert found["x"].low > 1
    assert found["x"].verdict == "no measurable change"


def test_fresh_processes_time_files_with_text_inputs(tmp_path: Path) -> None:
    paths = {}
    for hidden in (16, 1_000):
        paths[f"hidden {hidden}"] = tmp_path / f"{hidden}.onnx"
        paths[f"hidden {hidden}"].write_bytes(product_files.table_file(hidden))
    heard: list[int] = []
    times = benchmark.time_models(paths, product_files.rows(1), processes=2, seconds=0.2, on_process=heard.append)
    assert heard == [1, 2]
    found = times.processes
    assert all(times.keys() == paths.keys() for times in found)
    assert all(time_ratio(times["hidden 1000"], times["hidden 16"]) > 1.2 for times in found)


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(RuntimeError, match="timing process ended"):
        benchmark.time_models({"broken": path}, product_files.rows(1), seconds=0.1)


def test_peak_memory_follows_the_weights(tmp_path: Path) -> None:
    grown = []
    for weights in (8, 4096):
        path = tmp_path / f"{weights}.onnx"
        path.write_bytes(product(weights))
        grown.append(benchmark.peak_memory(path, {"x": np.ones((1, weights), dtype=np.float32)}))
    assert 0 < grown[0] < 30
    assert grown[1] - grown[0] > 64  # MiB of weights
