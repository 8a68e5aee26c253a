"""Errors: how what went wrong is told in one line."""

from __future__ import annotations

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
