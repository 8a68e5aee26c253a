"""Work: what a search does at each of its points, and what that needs on a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from tasks.core import Store
from tasks.search.space import Point

if TYPE_CHECKING:
    import numpy as np

    from tasks.tuning import TrialContext


class Objective(Protocol):
    """Ray carries it to the workers, so it is small; what is large it names."""

    @property
    def role(self) -> str:
        """What is searched for, in a few words."""

    @property
    def identity(self) -> str:
        """Where role and identity are the same, scores can be compared."""

    @property
    def modules(self) -> Sequence[str]:
        """The user's own top-level modules that it imports."""

    def __call__(self, point: Point, desk: TrialContext) -> None:
        """Works at one point, and reports to the desk."""

    def arrays(self, store: Store) -> Mapping[str, np.ndarray]:
        """What every trial finds in `desk.shared`."""

    def needs(self) -> Sequence[str]:
        """Digests of what every trial reads from the store."""

    def words(self, score: float) -> str:
        """A score for people."""
