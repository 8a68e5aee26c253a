"""Progress: long work tells whoever listens what is done, what is left and the best so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Update:
    """Where one step stands."""

    done: int
    total: int
    note: str
    """The best so far, or what is being looked at."""


Listener = Callable[[Update], None]
_listeners: list[Listener] = []


def tell(done: int, total: int, note: str = "") -> None:
    """Tells every listener."""
    for listener in _listeners:
        listener(Update(done, total, note))


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Has `listener` called for every update inside the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
