"""Progress: an update on a running step, and the callback that receives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Update:
    """How far one step is."""

    done: int
    total: int
    """In the same unit as `done`: epochs, trials, examples or hundredths."""
    note: str = ""
    """The best so far, or what is being done."""
    figures: Mapping[str, str] = field(default_factory=dict)
    """The same in detail, for a table: name → value, in order."""
    score: float | None = None
    """Validation score of the last epoch, in the metric's own unit; None where nothing is trained."""


Progress = Callable[[Update], None]
"""Called with every update of one step, in the thread that works."""


def silent(update: Update) -> None:
    """A `Progress` that shows nothing."""
