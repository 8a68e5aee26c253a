"""Simple fit: the steps of which the fit of a simple model, of an ensemble or of a student consists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.core import Candidate, Context, InputError, OutOfFold, Prepared, Refusal, Runner, SplitName
from tasks.data.tables.column_steps import ColumnStep
from tasks.training.simple.ensemble_fit import fit_ensemble
from tasks.training.simple.ensemble_spec import Ensemble, fits_of
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import fit_table
from tasks.training.simple.out_of_fold import predict_out_of_fold
from tasks.training.simple.student_fit import fit_student
from tasks.training.simple.teacher import folds_of_teacher, members_of, teacher_of

FOLDED: tuple[SplitName, ...] = ("train",)
"""Teachers and weights of members are fitted on train alone: validation judges them."""


@dataclass(frozen=True)
class FitInputs:
    """The inputs that all fits of a run have in common."""

    prepared: Prepared
    columns: tuple[ColumnStep, ...]
    """The recipe's steps for columns."""
    context: Context
    runner: Runner


def run_fit(spec: Fit | Ensemble, inputs: FitInputs, label: str, teacher: Candidate | None = None) -> Candidate:
    """Fits a simple model, an ensemble or a student, step by step; equal steps are answered from the cache.

    Args:
        spec: what is fitted.
        inputs: the data, the columns' steps, and who runs.
        label: the fit in a few words, for display.
        teacher: the baseline, which a spec with `taught` needs.

    Raises:
        Refusal: a file cannot be made, or answers otherwise than its estimator; the data are not folded; or the teacher
            cannot teach.
        InputError: an argument is wrong.
    """
    prepared, columns, context, run = inputs.prepared, inputs.columns, inputs.context, inputs.runner.run
    if isinstance(spec, Ensemble):
        answers = unseen_of(fits_of(spec), spec.folds, inputs, label) if spec.needs_folds else ()
        return run(label, fit_ensemble, prepared, spec, columns, answers, context)
    if not spec.taught:
        return run(label, fit_table, prepared, spec, columns, context)
    assert teacher is not None  # steps of a branch have the baseline
    master = teacher_of(teacher)
    answers = unseen_of(members_of(master), folds_of_teacher(master), inputs, label)
    return run(label, fit_student, prepared, spec, columns, teacher, answers, context)


def unseen_of(fits: Sequence[Fit], folds: int, inputs: FitInputs, label: str) -> tuple[OutOfFold, ...]:
    """What each model answers for rows of train that it was not fitted on.

    Raises:
        Refusal: the data cannot be folded; the message says why.
    """
    try:
        return tuple(
            inputs.runner.run(
                f"{label}: {fit.family} in {folds} folds",
                predict_out_of_fold,
                inputs.prepared,
                fit,
                inputs.columns,
                folds,
                inputs.context,
                FOLDED,
            )
            for fit in fits
        )
    except InputError as error:
        if error.path not in ("folds", "data.split", "data.split.column"):
            raise
        raise Refusal(str(error)) from error
