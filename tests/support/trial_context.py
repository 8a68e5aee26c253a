"""A trial context without Ray: it keeps what the trial says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tasks.core import Workspace, digest_of
from tasks.search.objective import NOTHING
from tasks.search.space import Point


class FakeTrialContext:
    """A `tasks.search.objective.TrialContext`; `dies_at` is an epoch that it does not survive."""

    def __init__(
        self, workspace: Workspace, folder: Path, shared: Mapping[str, Any] | None = None, dies_at: int | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.workspace, self.folder, self.shared, self.dies_at = workspace, folder, shared or {}, dies_at
        self.common: Path = folder.parent / "common"
        self.best: float | None = None
        self.curve: dict[int, float] = {}
        self.measured: list[Mapping[str, float]] = []
        self.answers: list[dict[str, Any]] = []
        self.needed: set[str] = set()

    def report(self, epoch: int, score: float, measured: Mapping[str, float] = NOTHING) -> None:
        """Keeps it."""
        self.curve[epoch] = score
        self.measured.append(measured)
        if epoch == self.dies_at:
            raise KeyboardInterrupt

    def folder_of(self, point: Point) -> Path:
        """The folder beside this one that is called like the point's digest."""
        return self.folder.parent / digest_of(point)

    def answer(self, value: dict[str, Any], needs: Iterable[str] = ()) -> None:
        """Keeps it, as JSON gives it back."""
        self.answers.append(json.loads(json.dumps(value)))
        self.needed |= set(needs)
