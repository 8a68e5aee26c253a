"""Suspects: train rows whose cross-validated loss marks them as likely mislabelled."""

from __future__ import annotations

from flows.study.study_context import Study
from tasks.core import Dataset


def without_suspects(study: Study) -> Dataset:
    """Not written yet."""
    raise NotImplementedError
