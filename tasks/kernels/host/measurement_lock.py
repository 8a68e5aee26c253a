"""Measurement lock: on one machine, time measurements and other work exclude each other, over a user's processes.

Work holds the lock `busy` shared; a measurement holds it exclusively. Work that does not rest, such as a conversion,
also holds `long` until it first rests. A measurement takes four locks in turn: `door`, so that no work begins; `long`,
so that what does not rest is over; `gate`, so that what rests does not go on; and `busy`. So a training, which rests
after each batch, is set aside for one batch and the measurement, and not for what the measurement waits for. All are
kernel locks (flock), which are released when their process ends, however it ends.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, flock
from pathlib import Path

PATIENCE = 120.0
"""Seconds that a measurement waits for the lock: longer than a batch or another measurement takes."""
_SHIFT = 0.01
"""Seconds of work between two releases of the lock: a release takes 15 us, a step of the smallest network 250 us."""
_POLL = 0.01
"""Seconds between two attempts to acquire a lock: flock has no timeout."""


@contextmanager
def shared_use(folder: Path | None = None) -> Iterator[Callable[[], None]]:
    """Context for work: waits until no measurement runs, then keeps measurements away until it ends or rests.

    Yields the function `rest`, to be called between batches: it lets a waiting measurement run. Nested contexts of
    one thread do not lock again. Work on a GPU counts only until it has been submitted. The lock files lie in
    `folder`, by default the system's folder for temporary files.
    """
    locks = _of_this_thread(folder)
    if locks.depth == 0:
        locks.begin()
    locks.depth += 1
    try:
        yield locks.rest
    finally:
        locks.depth -= 1
        if locks.depth == 0:
            locks.release()
        elif locks.resting > locks.depth:
            locks.stop_resting()


@contextmanager
def exclusive_use(patience: float = PATIENCE, folder: Path | None = None) -> Iterator[bool]:
    """Context for a measurement: yields True when it holds the lock, so that no work and no other measurement runs.

    Yields False when the lock was not free within `patience` seconds, because another process hangs; times measured
    then are not comparable. Work of this thread that encloses the measurement is paused meanwhile. Inside another
    measurement of the same thread, yields that one's value.
    """
    locks = _of_this_thread(folder)
    if locks.quiet is not None:
        yield locks.quiet
        return
    locks.release()
    locks.depth += 1
    end = time.monotonic() + patience
    ordered = (locks.door, locks.long, locks.gate, locks.busy)
    try:
        locks.quiet = all(_take(lock, end) for lock in ordered)
        yield locks.quiet
    finally:
        locks.quiet = None
        locks.depth -= 1
        for lock in reversed(ordered):
            flock(lock, LOCK_UN)
        if locks.depth:
            locks.go_on()
            locks.stop_resting()


def _take(lock: int, end: float) -> bool:
    """Whether this thread could acquire the lock before `end` (`time.monotonic` seconds)."""
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
    """One thread's locks, as open files: a flock belongs to the opened file, not to the process."""

    door: int
    long: int
    gate: int
    busy: int
    depth: int = 0
    """Number of `shared_use` and `exclusive_use` contexts that the thread is inside of."""
    resting: int = 0
    """`depth` where the work last rested, so that `long` is not held; 0 when it is."""
    quiet: bool | None = None
    """What the running measurement yielded; None while none runs."""
    since: float = 0.0
    """When the work began or last rested (`time.monotonic` seconds)."""

    def begin(self) -> None:
        """Begins work, after the measurements that wait."""
        flock(self.door, LOCK_SH)
        try:
            flock(self.long, LOCK_SH)
            self.go_on()
        finally:
            flock(self.door, LOCK_UN)
        self.resting = 0

    def go_on(self) -> None:
        """Goes on with work, after the measurement that runs."""
        flock(self.gate, LOCK_SH)
        try:
            flock(self.busy, LOCK_SH)
        finally:
            flock(self.gate, LOCK_UN)
        self.since = time.monotonic()

    def rest(self) -> None:
        """Lets a waiting measurement run; the work counts as one that rests until its context ends."""
        if self.quiet is None and time.monotonic() - self.since >= _SHIFT:
            self.release()
            self.resting = self.depth
            self.go_on()

    def stop_resting(self) -> None:
        """The work counts as one that does not rest, unless a measurement is waiting for `busy` alone already."""
        self.resting = 0
        with suppress(BlockingIOError):
            flock(self.long, LOCK_SH | LOCK_NB)

    def release(self) -> None:
        """Lets measurements run."""
        flock(self.busy, LOCK_UN)
        flock(self.long, LOCK_UN)

    def __del__(self) -> None:
        for lock in (self.door, self.long, self.gate, self.busy):
            os.close(lock)


class _Held(threading.local):
    def __init__(self) -> None:
        self.locks: dict[Path, _Locks] = {}


_held = _Held()


def _of_this_thread(folder: Path | None) -> _Locks:
    place = folder or Path(tempfile.gettempdir())
    if place not in _held.locks:
        mode = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        paths = (place / f"paredown-{os.getuid()}-{name}.lock" for name in ("door", "long", "gate", "busy"))
        door, long, gate, busy = (os.open(path, mode, 0o600) for path in paths)
        _held.locks[place] = _Locks(door, long, gate, busy)
    return _held.locks[place]


def _forget() -> None:
    """A forked child opens the files anew: with its parent's open files it would hold and release the same locks."""
    global _held
    _held = _Held()


os.register_at_fork(after_in_child=_forget)
