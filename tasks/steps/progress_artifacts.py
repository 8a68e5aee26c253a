"""Progress artifacts: show the progress of a running step in Prefect's UI."""

from __future__ import annotations

import time
from contextlib import suppress
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import TaskRunContext

from tasks.core import Update


class ProgressArtifact:
    """The progress of one step as an artifact of its task run; a `Progress` that writes at most once a second."""

    def __init__(self, title: str) -> None:
        """`title` is shown before every note."""
        self._title = title
        self._artifact: UUID | None = None
        self._last = 0.0

    def __call__(self, update: Update) -> None:
        """Shows an update, unless the last one is less than a second ago; outside a task run it does nothing."""
        now = time.monotonic()
        is_due = now - self._last >= 1 or update.done >= update.total
        if not is_due or TaskRunContext.get() is None:
            return
        self._last = now
        share, words = 100 * min(update.done / max(update.total, 1), 1), description_of(self._title, update)
        with suppress(httpx.HTTPError):  # the server is away: a later update is shown, and the step goes on
            self._write(share, words)

    def _write(self, share: float, words: str) -> None:
        if self._artifact is None:
            self._artifact = create_progress_artifact(progress=share, description=words)  # type: ignore[assignment]
        else:
            update_progress_artifact(self._artifact, progress=share, description=words)


def description_of(title: str, update: Update) -> str:
    """An update as Markdown, the description of an artifact: title and note, or title and a table of its figures."""
    if not update.figures:
        return f"{title}: {update.note}"
    rows = "".join(f"| {name} | {value} |\n" for name, value in update.figures.items())
    return f"{title}\n\n| | |\n|---|---|\n{rows}"
