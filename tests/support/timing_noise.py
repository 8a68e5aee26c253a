"""Timing noise: other work on the node, for tests of what is measured beside it."""

from __future__ import annotations

import functools
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.kernels.host import measurement_lock


@contextmanager
def own_node(folder: Path) -> Iterator[None]:
    """Only this test works on the node that the code sees, and its measurements are impatient."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        patch.setattr(measurement_lock, "exclusive_use", functools.partial(measurement_lock.exclusive_use, 0.05))
        yield


@contextmanager
def other_work() -> Iterator[None]:
    """Another thread works all the while, without a rest."""
    began, ended = threading.Event(), threading.Event()

    def work() -> None:
        with measurement_lock.shared_use():
            began.set()
            ended.wait()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    began.wait()
    try:
        yield
    finally:
        ended.set()
        thread.join()
