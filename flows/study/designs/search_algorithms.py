"""Search algorithms."""

from __future__ import annotations

from flows.study.study_context import Study
from tasks.study.design import Design, LeftOut

TITLE = "Search algorithms"


def design_search_algorithms(study: Study) -> Design | LeftOut:
    """Not designed yet."""
    return LeftOut("search_algorithms", TITLE, "it is not designed yet")
