"""Explanations: errors of a disk or a server whose own words are long, in one sentence that says what to do."""

from __future__ import annotations

import errno
import re
import traceback
from pathlib import Path

from flows.services.safety.passwords import PASSWORD, USER

FULL = re.compile(r"disk is full|No space left")
UNNAMED = re.compile(r"\b401\b.*(Unauthorized|!= 200|not authenticated)", re.DOTALL)


def explain_failure(error: BaseException | None) -> tuple[str, int] | None:
    """What an error, or one that caused it, means, and the exit code; None for an error that speaks for itself."""
    while error is not None:
        if getattr(error, "errno", None) == errno.ENOSPC or FULL.search(str(error)):
            law = "the disk is full; nothing is lost or half done: make room, and the same command goes on where it was"
            return law, 1
        if UNNAMED.search(str(error)):
            law = f"{PASSWORD}: must be the password that the server asks for, in the environment"
            return f"{law} ({USER} is the user, if it is not paredown)", 2
        error = error.__cause__ or error.__context__
    return None


def keep_traceback(home: Path) -> str:
    """Writes the present error's traceback to a file in the home folder; returns where it is, in words.

    On a full disk the traceback itself is in the words.
    """
    place = home / "last-error.txt"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(traceback.format_exc())
    except OSError:
        return f"these: {traceback.format_exc()}"
    return f"in {place}"
