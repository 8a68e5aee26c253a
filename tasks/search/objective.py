"""Objectives: the function that a search evaluates at each point, and the context that a trial gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from tasks.core import Store, Workspace
from tasks.search.space import Point

if TYPE_CHECKING:
    import numpy as np

NOTHING: Mapping[str, float] = MappingProxyType({})


class TrialContext(Protocol):
    """The context of one trial; it is the same on every node."""

    @property
    def shared(self) -> Mapping[str, np.ndarray]:
        """The arrays that all trials share; read-only, never copied."""

    @property
    def workspace(self) -> Workspace:
        """The driver's workspace on a node that sees its disk, otherwise the node's own, whose store holds the entries
        of `Objective.needs`. Its device is the one assigned to the trial."""

    @property
    def folder(self) -> Path:
        """The trial's own folder. Its content at the last report is restored when the trial is restarted, on any
        node."""

    @property
    def common(self) -> Path:
        """A folder of all trials of this search that run on this node; nothing in it is copied to another one."""

    @property
    def best(self) -> float | None:
        """The best score of the trials that had come to their end when this one began; None without any."""

    def report(self, epoch: int, score: float, measured: Mapping[str, float] = NOTHING) -> None:
        """Reports an epoch. When the search stops the trial here, the call does not return.

        Args:
            epoch: from 1, increasing; 0 when nothing was trained, so that no scheduler compares it.
            score: higher is better; a score that is not finite counts as missing.
            measured: other numbers measured together with this score.
        """

    def folder_of(self, point: Point) -> Path:
        """The folder of another trial of this search, in its state at that trial's last report; read-only.

        It may be missing or empty.
        """

    def answer(self, value: dict[str, Any], needs: Iterable[str] = ()) -> None:
        """Returns the trial's result, as JSON, to the search; its score is that of the next report.

        `needs` are the digests of the store entries that the result refers to; they are copied to the driver's store
        before this returns.
        """


class Objective(Protocol):
    """The function that a search evaluates. It is sent to the workers, so it is small: it refers to data by digest."""

    @property
    def role(self) -> str:
        """What is searched for, in a few words."""

    @property
    def identity(self) -> str:
        """Scores of searches with the same role and identity can be compared."""

    @property
    def modules(self) -> Sequence[str]:
        """The user's own top-level modules that it imports."""

    def __call__(self, point: Point, trial: TrialContext) -> None:
        """Evaluates one point and reports to `trial`."""

    def arrays(self, store: Store) -> Mapping[str, np.ndarray]:
        """The arrays that every trial gets as `TrialContext.shared`, by name."""

    def needs(self) -> Sequence[str]:
        """Digests of the store entries that every trial reads."""

    def format_score(self, score: float) -> str:
        """A score as text."""
