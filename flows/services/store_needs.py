"""Store needs: which store entries a run needs, and who works with the store at the moment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path

from tasks.core import InputError, write_atomically

FOLDER = "needs"
"""Folder of the home with a file for each finished run, named by its MLflow run."""


@dataclass(frozen=True)
class RunNeeds:
    """What a finished run needs of the store."""

    run: str
    """The id of its MLflow run."""
    ended: float
    """When it ended, in seconds since 1970."""
    digests: frozenset[str]


def write_needs(home: Path, run: str, digests: Iterable[str]) -> None:
    """Remembers the store entries of a run, so that `paredown gc` keeps them."""
    write_atomically(home / FOLDER / f"{run}.json", json.dumps(sorted(set(digests))).encode())


def read_needs(home: Path) -> list[RunNeeds]:
    """The needs of all runs that have ended in this home."""
    files = sorted((home / FOLDER).glob("*.json"))
    return [RunNeeds(each.stem, each.stat().st_mtime, frozenset(json.loads(each.read_text()))) for each in files]


def forget_needs(home: Path, run: str) -> None:
    """Forgets the needs of a run."""
    (home / FOLDER / f"{run}.json").unlink(missing_ok=True)


@contextmanager
def using_store(home: Path) -> Iterator[None]:
    """Context of a run, in which nothing is deleted from the store of this home. It ends with its process."""
    with _lock_file(home).open("a") as lock:
        flock(lock, LOCK_SH)
        yield


@contextmanager
def store_to_itself(home: Path) -> Iterator[None]:
    """Context in which no run uses the store of this home; a run that begins waits for its end.

    Raises:
        InputError: a run uses the store.
    """
    with _lock_file(home).open("a") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            law = "must be a home whose store no run uses at the moment: wait until the run has ended"
            raise InputError(law, path="PAREDOWN_HOME", value=str(home)) from None
        yield


def _lock_file(home: Path) -> Path:
    place = home / "locks" / "store"
    place.parent.mkdir(parents=True, exist_ok=True)
    return place
