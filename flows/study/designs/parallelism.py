"""Parallelism."""

from __future__ import annotations

from flows.study.study_context import Study
from tasks.study.design import Design, LeftOut

TITLE = "Parallelism"


def design_parallelism(study: Study) -> Design | LeftOut:
    """Not designed yet."""
    return LeftOut("parallelism", TITLE, "it is not designed yet")
