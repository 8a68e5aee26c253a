"""Quiet: on one node, work and measurements of time take turns, over all processes of a user.

Who works shares the lock `busy`; who measures has it alone. Both pass the lock `gate` first, and who measures keeps it
closed: so ever new work cannot keep a measurement waiting. The kernel's locks (flock) leave with the process that
holds them, however it ends.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, flock
from pathlib import Path

PATIENCE = 120.0
"""Seconds that a measurement waits: longer than a batch or another measurement takes."""
_SHIFT = 0.01
"""Seconds of work without a rest: the locks took 15 us where a step of the smallest network takes 250."""
_POLL = 0.01
"""Seconds between two looks at a lock: flock has no timeout."""


@contextmanager
def shared_use(folder: Path | None = None) -> Iterator[Callable[[], None]]:
    """Work: begins when no measurement is under way, and none is until it ends or rests.

    Gives `rest`, to be called between batches: it lets a measurement in that waits. The outermost of a thread counts,
    those inside it only rest. Work on a GPU counts until it is handed over. The lock files lie in `folder`, by
    default the system's for temporary files.
    """
    locks = _of_this_thread(folder)
    if locks.depth == 0:
        locks.share()
    locks.depth += 1
    try:
        yield locks.rest
    finally:
        locks.depth -= 1
        if locks.depth == 0:
            flock(locks.busy, LOCK_UN)


@contextmanager
def exclusive_use(patience: float = PATIENCE, folder: Path | None = None) -> Iterator[bool]:
    """A measurement: True when nothing that says `working` works meanwhile, nor measures, on this node.

    False when that did not come about within `patience` seconds, because another process hangs: what is measured then
    is not comparable. The caller's own work rests meanwhile. Inside another measurement of the same thread, the answer
    is that one's.
    """
    locks = _of_this_thread(folder)
    if locks.quiet is not None:
        yield locks.quiet
        return
    flock(locks.busy, LOCK_UN)
    locks.depth += 1
    end = time.monotonic() + patience
    try:
        locks.quiet = _take(locks.gate, end) and _take(locks.busy, end)
        yield locks.quiet
    finally:
        locks.quiet = None
        locks.depth -= 1
        flock(locks.busy, LOCK_UN)
        flock(locks.gate, LOCK_UN)
        if locks.depth:
            locks.share()


def _take(lock: int, end: float) -> bool:
    """Whether nobody else holds the lock before `end` (`time.monotonic` seconds); then it is this thread's."""
    while True:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(_POLL)


@dataclass
class _Locks:
    """One thread's hold on the two locks, by their open files: a lock belongs to the opening, not to the process."""

    gate: int
    busy: int
    depth: int = 0
    """How many `working` and `alone` the thread is inside of."""
    quiet: bool | None = None
    """The answer of the measurement under way."""

    since: float = 0.0
    """When the work began, or rested last; `time.monotonic` seconds."""

    def share(self) -> None:
        flock(self.gate, LOCK_SH)
        try:
            flock(self.busy, LOCK_SH)
        finally:
            flock(self.gate, LOCK_UN)
        self.since = time.monotonic()

    def rest(self) -> None:
        if self.quiet is None and time.monotonic() - self.since >= _SHIFT:
            flock(self.busy, LOCK_UN)
            self.share()

    def __del__(self) -> None:
        os.close(self.gate)
        os.close(self.busy)


class _Held(threading.local):
    def __init__(self) -> None:
        self.locks: dict[Path, _Locks] = {}


_held = _Held()


def _of_this_thread(folder: Path | None) -> _Locks:
    place = folder or Path(tempfile.gettempdir())
    if place not in _held.locks:
        mode = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        gate, busy = (os.open(place / f"paredown-{os.getuid()}-{name}.lock", mode, 0o600) for name in ("gate", "busy"))
        _held.locks[place] = _Locks(gate, busy)
    return _held.locks[place]


def _forget() -> None:
    """A forked child opens the files anew: through its parent's it would hold, and let go, its parent's locks."""
    global _held
    _held = _Held()


os.register_at_fork(after_in_child=_forget)
