"""Preprocessing."""

from __future__ import annotations

from flows.study.study_context import Study
from tasks.study.design import Design, LeftOut

TITLE = "Preprocessing"


def design_preprocessing(study: Study) -> Design | LeftOut:
    """Not designed yet."""
    return LeftOut("preprocessing", TITLE, "it is not designed yet")
