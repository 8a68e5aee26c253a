"""Own fit: an estimator of the user's own is fitted on train, or taken as it is where it is fitted already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks.core import Column, Dataset, InputError, Parity, Prepared, Refusal, Store
from tasks.core.errors import in_one_line
from tasks.data.tables.column_steps import ColumnStep, TransformTarget
from tasks.data.tables.column_transformer import ColumnNeeds, make_transformer
from tasks.data.tables.table_preprocessing import raw_inputs
from tasks.data.tables.target_transform import fit_target
from tasks.training.simple.estimator_product import convert_fitted, prove_product, serialize_estimator
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.mapped_targets import map_targets, restore_answers
from tasks.training.simple.table_rows import columns_of, rows_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from tasks.models.estimators.fit import Pair

TRIAL = 300
"""Rows on which an estimator is tried before the run."""


def fit_own_rows(train: Pair, dataset: Dataset, spec: Fit, steps: Sequence[ColumnStep]) -> Any:
    """As `fit_own`, with the recipe's transformation of the target."""
    target_map = None if dataset.classes else fit_target(steps, train[1])
    return restore_answers(fit_own(map_targets(train, target_map), dataset, spec, steps), target_map)


def fit_own(train: Pair, dataset: Dataset, spec: Fit, steps: Sequence[ColumnStep]) -> Any:
    """A Pipeline from the columns to the answers, fitted on rows that are given.

    Seeds that the factory leaves open are the spec's, and one thread fits. A Pipeline gets the raw columns by name; a
    bare estimator, or one for which the recipe has steps, gets them as a family of its kind would.

    Args:
        train: columns and targets as `rows_of` gives them.
        dataset: describes the columns and the task.
        spec: the factory and its arguments.
        steps: the recipe's preprocessing.

    Raises:
        InputError: the factory is wrong, or its estimator does not suit the data, or fails.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    frame, targets = train
    pipeline, place = own_pipeline(frame, dataset, spec, steps), str(spec.factory)
    rows = frame.to_numpy() if dataset.is_matrix else frame
    try:
        with threadpool_limits({"blas": 1, "openmp": 1}):
            pipeline.fit(rows, targets)
    except Exception as error:  # the user's estimator may fail in any way; the cause is in the message
        law = f"gives an estimator that cannot be fitted to {dataset.source} ({in_one_line(error)})"
        raise InputError(law, path="model.factory", value=place, nearest=_way_out(pipeline, frame, steps)) from error
    return pipeline


def own_pipeline(frame: pd.DataFrame, dataset: Dataset, spec: Fit, steps: Sequence[ColumnStep]) -> Any:
    """The unfitted Pipeline that `fit_own` fits."""
    from sklearn.pipeline import Pipeline

    from tasks.kernels.estimators.float32_features import Float32Features
    from tasks.models.estimators import own_estimator
    from tasks.models.estimators.fitted_estimator import check_task
    from tasks.models.estimators.raw_columns import bind_columns

    estimator = own_estimator.build_own(str(spec.factory), spec.arguments)
    if own_estimator.is_fitted(estimator):
        law = "gives a fitted estimator, which is taken as it is; here it would have to be fitted again"
        raise InputError(law, path="model.factory", value=spec.factory)
    check_task(estimator, dataset)
    own_estimator.settle_parameters(estimator, spec.seed, dataset.classes)
    takes_columns = own_estimator.takes_columns(estimator)
    steps = [step for step in steps if not isinstance(step, TransformTarget)]
    if takes_columns and not steps:
        found = bind_columns(estimator, frame, dataset.is_matrix)
        found.steps.insert(len(found.steps) - 1, ("float32_features", Float32Features()))
        return found
    if takes_columns and hasattr(estimator.steps[0][1], "transformers"):
        law = "must be left out: the Pipeline of model.factory takes the raw columns by name"
        raise InputError(law, path="preprocess")
    wanted = own_estimator.needs_of(estimator)
    needs = ColumnNeeds(wanted.scaled, wanted.imputed, wanted.encoding)
    columns = {name: frame[name].to_numpy() for name in frame.columns}
    transformer = make_transformer(dataset.columns, steps, needs, columns, dataset.is_matrix)
    own = list(estimator.steps) if takes_columns else [("model", estimator)]
    kind = type(estimator) if takes_columns else Pipeline
    return kind([("paredown_columns", transformer), ("paredown_float32", Float32Features()), *own])


def _way_out(pipeline: Any, frame: pd.DataFrame, steps: Sequence[ColumnStep]) -> str | None:
    """What may help where a Pipeline cannot take the raw columns."""
    begins = pipeline.steps[0][0]
    if steps or begins == "paredown_columns" or not frame.isna().any().any():
        return None
    return "an imputer in the Pipeline: numbers may be missing (NaN)"


def adopt_estimator(
    estimator: Any, prepared: Prepared, steps: Sequence[ColumnStep], store: Store
) -> tuple[str, tuple[Parity, ...]]:
    """Stores the product of a fitted estimator; its digest, and the hops on which it was proven. No second fit.

    The estimator gets the raw numbers, in 64 bits. Columns that it does not take stay inputs of the product, unless
    the data are described without them (`taken_columns`).

    Raises:
        InputError: it does not suit the columns, the classes or the task of the data.
        Refusal: it cannot be converted, or the file answers otherwise.
    """
    from tasks.models.estimators.fitted_estimator import align

    raw = raw_prepared(prepared)
    product = serialize_estimator(adopted_graph(estimator, raw, steps, store), raw.dataset)
    hops = prove_product(align(estimator, raw.dataset), product, raw, store, is_exact=True)
    return store.put(product), hops


def adopted_graph(estimator: Any, prepared: Prepared, steps: Sequence[ColumnStep], store: Store) -> Any:
    """A fitted estimator as a graph (`onnx.ModelProto`). Raises as `adopt_estimator`."""
    from tasks.kernels.estimators.conversion import convert_estimator
    from tasks.kernels.estimators.exactness import Unconvertible
    from tasks.models.estimators.fitted_estimator import align

    if steps:
        raise InputError("must be left out: a fitted estimator takes its columns as it knows them", path="preprocess")
    dataset, order = prepared.dataset, align(estimator, prepared.dataset).order
    form = adopted_pipeline(estimator, prepared, store)
    try:
        return convert_estimator(form, raw_inputs(dataset), dataset.classes or None, order)
    except Unconvertible as error:
        raise Refusal(str(error)) from error


def adopted_pipeline(estimator: Any, prepared: Prepared, store: Store) -> Any:
    """A fitted estimator as the Pipeline on the data's columns that is converted. Raises as `adopt_estimator`."""
    from tasks.models.estimators.fitted_estimator import align, graph_form

    aligned = align(estimator, prepared.dataset)
    return graph_form(aligned, columns_of(prepared, "validation", store), prepared.dataset)


def check_own(prepared: Prepared, spec: Fit, steps: Sequence[ColumnStep], store: Store) -> None:
    """Tries an estimator before the run: a fitted one is converted, another is fitted on TRIAL rows and converted.

    Raises:
        InputError: it does not suit the data, or has a part without an exact form as a graph. That few rows are not
            enough to fit it is no mistake.
    """
    from tasks.models.estimators.own_estimator import build_own, is_fitted, said_of_file

    with said_of_file(spec.factory, spec.arguments):
        estimator = build_own(str(spec.factory), spec.arguments)
        try:
            if is_fitted(estimator):
                adopted_graph(estimator, prepared, steps, store)
            else:
                _try_fit(prepared, spec, steps, store)
        except Refusal as error:
            raise InputError(f"gives an estimator that cannot become a file: {error}", path="model.factory") from error


def _try_fit(prepared: Prepared, spec: Fit, steps: Sequence[ColumnStep], store: Store) -> None:
    some, dataset = _trial_rows(*rows_of(prepared, "train", store)), prepared.dataset
    own_pipeline(some[0], dataset, spec, steps)
    try:
        fitted = fit_own(some, dataset, spec, steps)
    except InputError:
        return
    convert_fitted(fitted, dataset)


def _trial_rows(frame: pd.DataFrame, targets: np.ndarray) -> Pair:
    """At most TRIAL rows, the first of every class among them."""
    import numpy as np

    _, firsts = np.unique(targets, return_index=True)
    rows = np.unique(np.concatenate([firsts[:TRIAL], np.arange(min(TRIAL, len(targets)))]))
    return frame.iloc[rows].reset_index(drop=True), targets[rows]


def raw_prepared(prepared: Prepared) -> Prepared:
    """The data with all columns as they are: nothing is subtracted from those that need 64 bits."""
    columns = tuple(each if each.center is None else replace(each, center=0.0) for each in prepared.dataset.columns)
    return replace(prepared, dataset=replace(prepared.dataset, columns=columns))


def taken_columns(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """The data's description with only the named columns, in the data's order; a matrix keeps all of its columns."""
    if dataset.is_matrix:
        return dataset
    columns: tuple[Column, ...] = tuple(column for column in dataset.columns if column.name in names)
    return replace(dataset, columns=columns, input_shape=(len(columns),))
