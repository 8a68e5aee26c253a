"""Transfer learning."""

from __future__ import annotations

from flows.study.study_context import Study
from tasks.study.design import Design, LeftOut

TITLE = "Transfer learning"


def design_transfer(study: Study) -> Design | LeftOut:
    """Not designed yet."""
    return LeftOut("transfer", TITLE, "it is not designed yet")
