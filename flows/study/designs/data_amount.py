"""Data."""

from __future__ import annotations

from flows.study.study_context import Study
from tasks.study.design import Design, LeftOut

TITLE = "Data"


def design_data(study: Study) -> Design | LeftOut:
    """Not designed yet."""
    return LeftOut("data", TITLE, "it is not designed yet")
