"""Timing in fresh processes, and what it says against a baseline."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import product_files

from tasks.kernels.latency import benchmark
from tasks.kernels.latency.interleaving import Floats, time_ratio
from tasks.kernels.statistics import intervals


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

    def remaining(found: Sequence[Mapping[str, Floats]]) -> Collection[str]:
        heard.append(len(found))
        return [paths, ["hidden 16"], []][len(found) - 1]

    times = benchmark.time_models(paths, product_files.rows(1), processes=9, seconds=0.1, remaining=remaining)
    assert heard == [1, 2, 3]
    assert [list(each) for each in times.processes] == [[*paths], [*paths], ["hidden 16"]]
    assert all(time_ratio(each["hidden 1000"], each["hidden 16"]) > 1.2 for each in times.processes[:2])


def test_intervals_that_hold_after_every_process_are_wider() -> None:
    """Of at most five processes, the third spends an eighth of one in ten; a model may be timed in fewer."""
    ones = np.ones((5, 3))
    processes = [{"base": ones * r, "x": ones} | ({"y": ones} if n < 3 else {}) for n, r in enumerate((2, 2.02, 2.04))]
    processes.append({"base": ones * 2.03, "x": ones})
    fixed, open_ended = (benchmark.compare_latencies(processes, "base", most) for most in (None, 5))
    assert fixed["x"].ratio == open_ended["x"].ratio
    assert open_ended["x"].low < fixed["x"].low < fixed["x"].high < open_ended["x"].high
    assert (open_ended["x"].processes, open_ended["y"].processes) == (4, 3)
    expected = intervals.ratio_interval([2, 2.02, 2.04], 1 - 0.0125)
    assert (open_ended["y"].ratio, open_ended["y"].low, open_ended["y"].high) == pytest.approx(expected)
    assert benchmark.process_ratios(processes, "base")["y"] == pytest.approx((2, 2.02, 2.04))
    assert benchmark.interval_level(3, most=3) == benchmark.interval_level(3, None) == 0.95


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(product(8).replace(b"MatMul", b"NatMul"))
    with pytest.raises(RuntimeError, match=r"timing process ended.*NatMul"):
        benchmark.time_models({"broken": path}, {"x": np.ones((1, 8), dtype=np.float32)}, seconds=0.1)


def test_a_first_run_follows_the_weights(tmp_path: Path) -> None:
    found = []
    for weights in (8, 4096):
        path = tmp_path / f"{weights}.onnx"
        path.write_bytes(product(weights))
        found.append(benchmark.first_run(path, {"x": np.ones((1, weights), dtype=np.float32)}))
    small, large = found
    assert 0 < small.memory_mb < 30
    assert large.memory_mb - small.memory_mb > 64  # MiB of weights
    assert 0 < small.load_ms < large.load_ms
    assert min(small.first_ms, large.first_ms) > 0


def test_several_batches_in_one_process(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(product(64))
    files, wide = {"64 rows": tmp_path / "model.onnx"}, {"x": np.ones((32, 64), dtype=np.float32)}
    times = benchmark.time_batches(files, wide, (1, 32), processes=2, seconds=0.05)
    assert list(times) == [1, 32]
    assert [list(each) for each in times[32].processes] == [["64 rows"], ["64 rows"]]
    one, many = (np.median(times[batch].processes[0]["64 rows"]) for batch in (1, 32))
    assert one < many < 32 * one
