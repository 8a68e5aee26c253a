"""Wrong runtimes: threads, providers, engines and precisions."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wrong_input import Row, check_plan

from tasks.kernels.engines import runtime_record
from tasks.kernels.onnx import sessions

ROWS = {
    "too large": Row(
        "a.yaml: runtime.threads: must be at most 256, but got 1000; nearest valid choice: 256",
        recipe={"runtime": {"threads": 1000}},
    ),
    "provider that is not installed": Row(
        "a.yaml: runtime.provider: must be an execution provider of the installed ONNX Runtime, but got "
        "'cuda'; nearest valid choice: cpu",
        recipe={"runtime": {"provider": "cuda"}},
    ),
    "engine that does not exist": Row(
        "a.yaml: runtime.engine: must be one of onnxruntime, openvino, or a list of them, but got 'openvin'; nearest "
        "valid choice: openvino",
        recipe={"runtime": {"engine": "openvin"}},
    ),
    "no engine": Row(
        "a.yaml: runtime.engine: needs more entries: at least 1, but got []",
        recipe={"runtime": {"engine": []}},
    ),
    "GPU with the second engine": Row(
        "a.yaml: runtime.provider: goes with engine onnxruntime alone, but got 'cuda'; nearest valid choice: cpu",
        recipe={"runtime": {"provider": "cuda", "engine": ["onnxruntime", "openvino"]}},
    ),
}

if sessions.available("cuda"):
    del ROWS["provider that is not installed"]


INSTALLED = {
    "engine that is not installed": (
        "installed_version",
        {"engine": "openvino"},
        "a.yaml: runtime.engine: must be installed: pip install 'paredown[openvino]', but got 'openvino'; "
        "nearest valid choice: onnxruntime",
    ),
    "precision that is emulated": (
        "native_precisions",
        {"precision": "bf16"},
        "a.yaml: runtime.precision: must be computed by the processor itself: this one only emulates it, which is "
        "slower than f32, but got 'bf16'; nearest valid choice: f32",
    ),
}


@pytest.mark.parametrize("name", INSTALLED)
def test_what_this_host_lacks_is_said_in_one_line(
    name: str, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    what, runtime, says = INSTALLED[name]
    known = runtime_record.installed_version
    lacking = {
        "installed_version": lambda engine: None if engine == "openvino" else known(engine),
        "native_precisions": lambda: ("f32",),
    }
    monkeypatch.setattr(runtime_record, what, lacking[what])
    check_plan(Row(says, recipe={"runtime": runtime}), place, capsys)


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)
