"""Explanations: long errors in one sentence, and where their details are."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from flows.services.safety.explanations import explain_failure, keep_traceback


def caused(by: Exception) -> Exception:
    error = RuntimeError("it broke")
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("(sqlite3) database or disk is full")]
)
def test_a_full_disk(error: Exception) -> None:
    found = explain_failure(caused(error))
    assert found is not None
    assert (found[0].split(";")[0], found[1]) == ("the disk is full", 1)


@pytest.mark.parametrize(
    "words",
    ["Client error '401 Unauthorized' for url 'http://it'", "failed with error code 401 != 200"],
)
def test_a_server_that_asks_for_a_password(words: str) -> None:
    found = explain_failure(caused(RuntimeError(words)))
    assert found is not None
    assert (found[0].split(":")[0], found[1]) == ("PAREDOWN_PASSWORD", 2)


def test_other_errors_speak_for_themselves() -> None:
    assert explain_failure(RuntimeError("401 rows")) is None


def test_the_details_are_in_a_file_or_in_the_words(tmp_path: Path) -> None:
    assert keep_traceback(tmp_path / "home") == f"in {tmp_path / 'home' / 'last-error.txt'}"
    (tmp_path / "file").touch()
    assert keep_traceback(tmp_path / "file").startswith("these: ")
