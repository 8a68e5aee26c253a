"""Wrong runtimes: threads and providers."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wrong_input import Row, check_plan

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
}

if sessions.available("cuda"):
    del ROWS["provider that is not installed"]


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)
