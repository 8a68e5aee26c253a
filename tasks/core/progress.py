"""Progress: long work tells whoever listens what is done, what is left and the best so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Update:
    """Where one step stands."""

    done: int
    total: int
    note: str
    """The best so far, or what is being looked at."""
    figures: Mapping[str, str] = field(default_factory=dict)
    """The same in full where there is room for a table: name → value, in order."""


Listener = Callable[[Update], None]
_listeners: list[Listener] = []


def tell(done: int, total: int, note: str = "", figures: Mapping[str, str] | None = None) -> None:
    """Tells every listener."""
    for listener in _listeners:
        listener(Update(done, total, note, figures or {}))


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Has `listener` called for every update inside the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
