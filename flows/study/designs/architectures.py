"""Architectures."""

from __future__ import annotations

from flows.study.study_context import Study
from tasks.study.design import Design, LeftOut

TITLE = "Architectures"


def design_architectures(study: Study) -> Design | LeftOut:
    """Not designed yet."""
    return LeftOut("architectures", TITLE, "it is not designed yet")
