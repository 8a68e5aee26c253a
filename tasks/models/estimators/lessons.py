"""Lessons: a teacher's answers as what a simple model is fitted on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import InputError
from tasks.models.estimators.families import Family

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]
LEAST_WEIGHT = 1e-3
"""Least probability of a class with which a row stands for it; below, the row is left out of that class."""


@dataclass(frozen=True)
class Lessons:
    """Rows with a teacher's answers."""

    frame: pd.DataFrame
    """Columns, as `fit_estimator` takes them."""
    answers: Array
    """Probabilities (rows, classes), or values (rows, 1)."""


def lesson_rows(features: Array, answers: Array, family: Family, classes: int) -> tuple[Array, Array, Array | None]:
    """Features, targets and weights for a library's `fit`.

    Of classes, every row stands once for each class, with the class's probability as its weight; a class that no row
    is likely to have keeps its likeliest row.

    Args:
        features: those of the rows of a lesson, (rows, features).
        answers: those of the lesson.
        family: the family that is fitted.
        classes: the number of classes; 0 for regression.

    Raises:
        InputError: the family takes no weights.
    """
    if not classes:
        return features, answers[:, 0].astype(np.float64), None
    if not family.is_weighed:
        law = f"{family.label} cannot be taught: it takes no weights of rows, in which a teacher's doubt is said"
        raise InputError(law, path="family", value=family.name, nearest="lightgbm")
    is_kept = (answers >= LEAST_WEIGHT) | (answers == answers.max(axis=0))
    rows, targets = np.nonzero(is_kept)
    return features[rows], targets, np.maximum(answers[rows, targets], LEAST_WEIGHT)
