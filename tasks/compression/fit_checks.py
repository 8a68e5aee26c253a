"""Fit checks: whether the fits, ensembles and students of a recipe suit its data, before anything is fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.compression.branch import Branch
from tasks.compression.simple_fit import FOLDED
from tasks.core import Dataset, InputError, Prepared, Store, nearest_choice
from tasks.data.tables.date_columns import model_inputs
from tasks.models.model_spec import ModelSpec
from tasks.training.simple.ensemble_spec import Ensemble, ensemble_of, fits_of
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.folds import folds_of
from tasks.training.simple.teacher import FOLDS

SHARED = ("model.balanced", "model.quantile", "model.monotone")
"""What the members of an ensemble have in common, as `build_estimator` names it."""


def check_fits(model: ModelSpec, seed: int, branches: Sequence[Branch], prepared: Prepared, store: Store) -> None:
    """Checks the ensemble of a recipe's model, and every fit and ensemble of its branches.

    Args:
        model: the recipe's model.
        seed: its seed.
        branches: the recipe's own branches.
        prepared: the data.
        store: holds them.

    Raises:
        InputError: the data are no table, a family has no such argument or ability, the rows cannot be folded, or the
            baseline cannot teach; names the knob.
    """
    if model.simple_ensemble is not None:
        check_ensemble(ensemble_of(model, seed), prepared, "model.ensemble.", "model.", store)
    for path, step in first_fits(branches):
        if prepared.dataset.kind != "table":
            law = f"suits tables only, but {prepared.dataset.source} holds {prepared.dataset.kind}"
            raise InputError(law, path=f"{path}step", value=step.step)
        if isinstance(step, Ensemble):
            check_ensemble(step, prepared, path, path, store)
        else:
            check_fit(step, prepared, path)
            if step.taught:
                check_teacher(model, prepared, path, store)


def first_fits(branches: Sequence[Branch]) -> Iterator[tuple[str, Fit | Ensemble]]:
    """The fits and ensembles with which branches begin, and the paths under which their knobs stand."""
    for place, branch in enumerate(branches):
        first = branch.steps[0]
        if isinstance(first, Fit | Ensemble):
            yield f"compress.branches.{place}.steps.0.", first


def check_fit(spec: Fit, prepared: Prepared, path: str, shared: str | None = None) -> None:
    """Builds an unfitted model of a family.

    Args:
        spec: the fit; of a factory nothing is built.
        prepared: the data.
        path: the place of its knobs in the recipe, up to the last dot.
        shared: the place of those that the members of an ensemble share; None: the same.

    Raises:
        InputError: the family has no such argument or ability, or a monotone column is no column of numbers.
    """
    from tasks.models.estimators.construction import build_estimator
    from tasks.models.estimators.families import FAMILIES
    from tasks.training.simple.fit_table import setting_of

    if spec.factory is not None:
        return
    setting = setting_of(spec, prepared.dataset.task)
    try:
        build_estimator(FAMILIES[spec.family], setting, prepared.dataset.splits["train"].count)
        check_monotone(spec, prepared.dataset)
    except InputError as error:
        said = error.path or "model.family"
        place = shared if shared is not None and said.startswith(SHARED) else path
        raise error.at(path=place + said.removeprefix("model.")) from error


def check_monotone(spec: Fit, dataset: Dataset) -> None:
    """Checks that the monotone columns hold numbers; parts of dates do. Raises InputError if not."""
    numbers = [each.name for each in model_inputs(dataset.columns) if each.kind == "number"]
    dates = [each.name for each in dataset.columns if each.kind == "date"]
    for name in spec.monotone:
        if name not in numbers and name.rpartition(".")[0] not in dates:
            nearest = nearest_choice(name, numbers) or ", ".join(numbers[:8])
            raise InputError("must be a column of numbers", path=f"model.monotone.{name}", nearest=nearest or None)


def check_ensemble(spec: Ensemble, prepared: Prepared, path: str, shared: str, store: Store) -> None:
    """Checks every member of an ensemble, and whether its rows can be folded where they must.

    Args:
        spec: the ensemble.
        prepared: the data.
        path: the place of its members in the recipe, up to the last dot.
        shared: the place of what its members share.
        store: holds the data.

    Raises:
        InputError: a family has no such argument or ability, or the rows cannot be folded.
    """
    for place, fit in enumerate(fits_of(spec)):
        check_fit(fit, prepared, f"{path}members.{place}.", shared)
    if spec.needs_folds:
        check_folds(prepared, spec.folds, f"{path}folds", store)


def check_teacher(model: ModelSpec, prepared: Prepared, path: str, store: Store) -> None:
    """Checks that the recipe's baseline can teach.

    Raises:
        InputError: it is a network, a file or a factory's own estimator, or predicts a quantile; or its rows cannot be
            folded.
    """
    if not model.is_simple or model.family == "own":
        law = "needs a baseline that is a simple model of a family or an ensemble; a network teaches with step: distill"
        raise InputError(law, path=f"{path}taught", value=True, nearest="model: {family: lightgbm}")
    if model.quantile is not None:
        law = "needs a baseline that predicts means or classes: the mean of quantiles is no quantile"
        raise InputError(law, path=f"{path}taught", value=True)
    folds = model.simple_ensemble.folds if model.simple_ensemble else FOLDS
    check_folds(prepared, folds, f"{path}taught", store)


def check_folds(prepared: Prepared, folds: int, path: str, store: Store) -> None:
    """Folds the rows of train, to see whether it can be done. Raises InputError as `folds_of`."""
    try:
        folds_of(prepared, folds, store, FOLDED)
    except InputError as error:
        raise error if error.path and error.path.startswith("data.") else error.at(path=path) from error
