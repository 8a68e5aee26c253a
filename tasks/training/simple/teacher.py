"""Teacher: the simple model or ensemble that a candidate is, and what it answers for rows that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.core import Candidate, OutOfFold, Prepared, Refusal, Store
from tasks.training.simple.ensemble_fit import combination_of, plain_answers
from tasks.training.simple.ensemble_spec import Ensemble, fits_of
from tasks.training.simple.fit_spec import Fit

if TYPE_CHECKING:
    import numpy as np

FOLDS = 5
"""Folds of a teacher that is no ensemble."""
_SPECS: dict[str, type[Fit] | type[Ensemble]] = {"fit": Fit, "ensemble": Ensemble}


def teacher_of(candidate: Candidate) -> Fit | Ensemble:
    """The spec of a candidate that is a simple model or an ensemble.

    Raises:
        Refusal: it is something else, or it predicts a quantile, which is no mean of answers.
    """
    first = candidate.lineage[0]
    if first.technique not in _SPECS or len(candidate.lineage) > 1:
        raise Refusal("a baseline that is no simple model of the recipe (model.family, model.ensemble) cannot teach it")
    knobs = {name: value for name, value in first.knobs.items() if name in _SPECS[first.technique].model_fields}
    spec = _SPECS[first.technique].model_validate(knobs)
    if isinstance(spec, Fit) and spec.factory is not None:
        raise Refusal("a baseline that a factory gives cannot teach it: name a family or an ensemble")
    if spec.quantile is not None:
        raise Refusal("a baseline that predicts a quantile cannot teach it: the mean of its answers is no quantile")
    return spec


def members_of(teacher: Fit | Ensemble) -> list[Fit]:
    """The models whose answers for rows that they were not fitted on are those of the teacher."""
    return fits_of(teacher) if isinstance(teacher, Ensemble) else [teacher]


def folds_of_teacher(teacher: Fit | Ensemble) -> int:
    """The number of folds in which its members are fitted."""
    return teacher.folds if isinstance(teacher, Ensemble) else FOLDS


def unseen_answers(
    teacher: Fit | Ensemble, answers: Sequence[OutOfFold], prepared: Prepared, store: Store
) -> np.ndarray:
    """The teacher's probabilities (rows, classes), or predictions (rows, 1), out of its members' answers.

    Args:
        teacher: the teacher.
        answers: those of its members (`members_of`), for the same rows.
        prepared: the data.
        store: holds them.
    """
    from tasks.kernels.estimators.combination import combine

    is_classifier = bool(prepared.dataset.classes)
    found = plain_answers(answers, is_classifier, store)
    if isinstance(teacher, Fit):
        return found[0]
    return combine(found, combination_of(teacher, answers, prepared, store), is_classifier)
