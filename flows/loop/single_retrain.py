"""Single retrain: of one product at most one retrain at a time, over all processes that share a home folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from tasks.core import InputError


@contextmanager
def single_retrain(home: Path, name: str) -> Iterator[None]:
    """Context in which no other process retrains this product. The lock ends with its process, however that ends.

    Args:
        home: the home folder; the lock is `locks/NAME.retrain` in it.
        name: the product's name.

    Raises:
        InputError: another retrain of the product runs.
    """
    place = home / "locks" / f"{name}.retrain"
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("a+", encoding="utf-8") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            law = f"is being retrained by process {lock.read().strip() or 'unknown'}: wait until it has ended"
            raise InputError(law, path="name", value=name) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
