"""Latencies: beside the baseline's in ONNX Runtime, the ratio to the engine that runs it fastest in float32."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import product_files

from tasks.core import Runtime
from tasks.evaluation import latencies


def test_a_faster_float32_is_a_second_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latencies, "SECONDS", 0.05)
    files = {"slow": tmp_path / "slow.onnx", "fast": tmp_path / "fast.onnx"}
    files["slow"].write_bytes(product_files.table_file(4096))
    files["fast"].write_bytes(product_files.table_file(16))
    inputs, runtime = product_files.rows(3), Runtime(processes=3)
    found = latencies.measure_latency(files, "slow", inputs, runtime, floats=("fast",))
    assert found["fast"].ratio.value > 1
    beside = {name: latency.float_ratio for name, latency in found.items()}
    assert beside["fast"] is not None
    assert beside["slow"] is not None
    assert beside["fast"].value == 1
    assert beside["slow"].value == pytest.approx(1 / found["fast"].ratio.value)
    again = latencies.measure_latency(files, "fast", inputs, runtime, floats=("slow",))
    assert {latency.float_ratio for latency in again.values()} == {None}, "the baseline is the fastest float32"
