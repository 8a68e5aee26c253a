"""Fit table: a simple model is fitted, converted and proven in one step, whose answer is an ONNX file.

No fitted scikit-learn object is stored.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tasks.core import Candidate, Context, Dataset, Prepared, Step
from tasks.data.tables.column_steps import ColumnStep
from tasks.data.tables.column_transformer import ColumnNeeds, make_transformer
from tasks.data.tables.target_transform import fit_target
from tasks.kernels.host.measurement_lock import shared_use
from tasks.models.estimators.fit import rounds_of
from tasks.models.estimators.own_estimator import build_own, describe_own, is_fitted
from tasks.training.simple.column_selection import read_columns, select_columns, without_columns
from tasks.training.simple.estimator_product import store_product
from tasks.training.simple.fit_spec import Fit, knobs_of_fit
from tasks.training.simple.mapped_targets import map_targets, restore_answers
from tasks.training.simple.own_fit import adopt_estimator, adopted_pipeline, fit_own_rows
from tasks.training.simple.table_rows import rows_of

if TYPE_CHECKING:
    from tasks.models.estimators.families import ModelSetting, Task
    from tasks.models.estimators.fit import Pair
    from tasks.models.estimators.lessons import Lessons

VERSION = 1
"""Raised by one when the same spec gives another model."""


@shared_use()
def fit_table(prepared: Prepared, spec: Fit, steps: Sequence[ColumnStep], context: Context) -> Candidate:
    """Fits a simple model on the train split; the validation split stops boosting early.

    Waits while another process measures a latency on this machine, and lets no measurement begin before it ends.

    Args:
        prepared: a table.
        spec: the model's family and its settings.
        steps: the recipe's preprocessing; the family's needs count where it says nothing.
        context: its store gets the file.

    Returns:
        An ONNX candidate. Its record has the parity with the estimator, the seconds that it took, the columns that were
        `dropped`, which are no inputs of the file, and of a boosted family its `rounds`.

    Raises:
        InputError: an argument is wrong, or the library refuses it.
        Refusal: the file cannot be made, or answers otherwise than the estimator.
    """
    dataset, store, started = prepared.dataset, context.store, time.monotonic()
    estimator, told = None if spec.factory is None else build_own(spec.factory, spec.arguments), dict[str, Any]()
    if estimator is not None and is_fitted(estimator):
        content, hops = adopt_estimator(estimator, prepared, steps, store)
    else:
        pipeline = fit_pipeline(prepared, spec, steps, context)
        read = read_columns(pipeline, dataset)
        content, hops = store_product(pipeline, without_columns(prepared, read), store)
        told["dropped"] = [column.name for column in dataset.columns if column.name not in read]
        told["rounds"] = rounds_of(pipeline) if spec.factory is None else None
    told = {name: value for name, value in told.items() if value}
    seconds = round(time.monotonic() - started, 3)
    record = store.put_json({"parity": [vars(hop) for hop in hops], "seconds": seconds, **told})
    words = {} if estimator is None else {"estimator": describe_own(str(spec.factory), spec.arguments, estimator)}
    knobs = knobs_of_fit(spec, steps, dataset.fingerprint) | words
    return Candidate("baseline", "onnx", "", {}, (Step("fit", VERSION, knobs, None, record, None),), content)


def fit_pipeline(prepared: Prepared, spec: Fit, steps: Sequence[ColumnStep], context: Context) -> Any:
    """The fitted scikit-learn Pipeline of a spec. Raises InputError as `fit_table` does."""
    if spec.factory is not None and is_fitted(estimator := build_own(spec.factory, spec.arguments)):
        return adopted_pipeline(estimator, prepared, context.store)
    train, validation = (rows_of(prepared, split, context.store) for split in ("train", "validation"))
    return fit_rows(train, validation, prepared.dataset, spec, steps)


def fit_rows(
    train: Pair, stop: Pair, dataset: Dataset, spec: Fit, steps: Sequence[ColumnStep], lessons: Lessons | None = None
) -> Any:
    """The scikit-learn Pipeline of a spec, fitted on rows that are given; the rows `stop` stop boosting early.

    Args:
        train: columns and targets as `rows_of` gives them.
        stop: the same of other rows.
        dataset: describes the columns and the task.
        spec: the model's family and its settings.
        steps: the recipe's preprocessing.
        lessons: a teacher's answers, on which the model is fitted in place of the targets.

    Raises:
        InputError: an argument is wrong, the library refuses it, or a class has no row to fit on.
    """
    from tasks.models.estimators.families import FAMILIES
    from tasks.models.estimators.fit import fit_estimator
    from tasks.models.estimators.lessons import Lessons

    if spec.factory is not None:
        return fit_own_rows(train, dataset, spec, steps)
    family = FAMILIES[spec.family]
    setting = setting_of(spec, dataset.task)
    needs = ColumnNeeds(family.scaled, family.imputed, family.encoding)
    columns = {name: train[0][name].to_numpy() for name in train[0].columns}
    kept = None
    if spec.features is not None:
        every = partial(fit_rows, dataset=dataset, spec=spec.model_copy(update={"features": None}), steps=steps)
        kept = select_columns(train, dataset, spec.features, spec.seed, every)
    target_map = None if dataset.classes else fit_target(steps, train[1])
    if lessons is not None:
        lessons = Lessons(*map_targets((lessons.frame, lessons.answers), target_map))
    pipeline = fit_estimator(
        map_targets(train, target_map),
        map_targets(stop, target_map),
        family,
        setting,
        lambda: make_transformer(dataset.columns, steps, needs, columns, dataset.is_matrix, kept),
        len(dataset.classes),
        lessons,
    )
    return restore_answers(pipeline, target_map)


def setting_of(spec: Fit, task: Task) -> ModelSetting:
    """What is asked of the family, as `build_estimator` takes it; with one thread, every fit is deterministic."""
    from tasks.models.estimators.families import ModelSetting

    known = spec.arguments, spec.seed, 1, spec.balanced, spec.quantile, dict(spec.monotone), spec.rounds
    return ModelSetting(task, *known)
