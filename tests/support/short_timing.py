"""Times measured for a moment only, for tests that look at everything but their precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def short_timing() -> Iterator[None]:
    """Latency is measured for a moment inside of this context, and as for a user after it."""
    from tasks.compression import library_comparison
    from tasks.evaluation import latencies, run_profile

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latencies, "SECONDS", 0.1)
        patch.setattr(run_profile, "SECONDS", 0.02)
        patch.setattr(run_profile, "PROCESSES", 2)
        patch.setattr(library_comparison, "SECONDS", 0.05)
        patch.setattr(library_comparison, "PROCESSES", 2)
        yield
