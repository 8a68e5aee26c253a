"""Speed: the tables that time the training itself."""

from __future__ import annotations

from collections.abc import Sequence

from flows.study.study_context import Study
from tasks.study.design import Cell
from tasks.study.effects import Measured


def time_cells(cells: Sequence[Cell], seed: int, study: Study) -> list[Measured]:
    """Not written yet."""
    raise NotImplementedError
