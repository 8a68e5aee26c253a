"""The machine: its name and numbers."""

from __future__ import annotations

from tasks.kernels.host import machine


def test_the_host_has_a_stable_name() -> None:
    found = machine.host()
    assert found["cores"] >= 1
    assert found["memory_gb"] > 0
    assert machine.host_name() == machine.host_name()
    assert found["onnxruntime"] in machine.host_name()
