"""The desk: how what went wrong is told in one line."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tasks.core import Refusal
from tasks.core.errors import in_one_line, last_line

WRAPPED = "Traceback (most recent call last):\n  File 'a', line 1\nOSError: the disk is full\n\n"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("two\n   lines"), "ValueError: two lines"),
        (Refusal("layer c1 cannot be cut"), "layer c1 cannot be cut"),
        (RuntimeError(WRAPPED), "OSError: the disk is full"),
        (KeyError("x" * 999), f"KeyError: '{'x' * 289}"),
        (MemoryError(), "MemoryError: "),
    ],
)
def test_an_error_in_one_line(error: Exception, said: str) -> None:
    assert in_one_line(error) == said


def test_the_last_line_that_says_something() -> None:
    assert last_line(WRAPPED) == "OSError: the disk is full"
    assert last_line(" \n") == ""


@pytest.mark.parametrize("order", ["import torch; pin_threads(1)", "pin_threads(1); import torch"])
def test_threads_are_pinned_whether_torch_is_there_already_or_not(order: str) -> None:
    code = f"from tasks.tuning.trainable import pin_threads; {order}; print(torch.get_num_threads())"
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout == "1\n"
