"""Noise: other work on the node, for tests of what is measured beside it."""

from __future__ import annotations

import functools
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.kernels import quiet


@contextmanager
def own_node(folder: Path) -> Iterator[None]:
    """Only this test works on the node that the code sees, and its measurements are impatient."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        patch.setattr(quiet, "alone", functools.partial(quiet.alone, 0.05))
        yield


@contextmanager
def other_work() -> Iterator[None]:
    """Another thread works all the while, without a rest."""
    began, ended = threading.Event(), threading.Event()

    def work() -> None:
        with quiet.working():
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
