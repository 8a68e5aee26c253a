"""Progress: what an update says, and that nobody need listen."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from support import runs

from tasks.core import Context, Progress, Update, silent


def test_an_update_says_how_far_a_step_is_and_more_if_there_is_more() -> None:
    least = Update(2, 3)
    assert (least.done, least.total, least.note, dict(least.figures), least.score) == (2, 3, "", {}, None)
    assert Update(2, 3, "best 0.9", {"best": "0.9"}, 0.8) != least
    assert least == Update(2, 3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        least.done = 3  # type: ignore[misc]


def test_updates_share_no_figures() -> None:
    assert Update(1, 1).figures is not Update(1, 1).figures


def test_a_step_is_silent_unless_somebody_listens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress: Progress = silent
    context = Context(runs.workspace(tmp_path))
    assert context.progress is progress
    context.progress(Update(1, 1, "unheard"))
    assert capsys.readouterr() == ("", "")
    heard: list[Update] = []
    dataclasses.replace(context, progress=heard.append).progress(Update(1, 2, "one"))
    assert heard == [Update(1, 2, "one")]
    assert not list(tmp_path.iterdir())
