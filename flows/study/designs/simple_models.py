"""Simple models."""

from __future__ import annotations

from flows.study.study_context import Study
from tasks.study.design import Design, LeftOut


def design_arguments(study: Study) -> Design | LeftOut:
    """Not designed yet."""
    return LeftOut("hyperparameters", "Hyperparameters", "it is not designed yet")


def design_trees(study: Study) -> Design | LeftOut:
    """Not designed yet."""
    return LeftOut("pruning", "Pruning", "it is not designed yet")
