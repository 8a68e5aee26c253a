"""Fit table: a simple model is fitted, converted and proven in one step, whose answer is an ONNX file.

No fitted scikit-learn object is stored.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.core import Candidate, Context, Prepared, Refusal, Step
from tasks.data.tables.column_steps import ColumnStep
from tasks.data.tables.column_transformer import ColumnNeeds, make_transformer
from tasks.data.tables.table_preprocessing import raw_inputs
from tasks.kernels.host.measurement_lock import shared_use
from tasks.training.simple.estimator_product import prove_product, serialize_estimator
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.table_rows import rows_of

if TYPE_CHECKING:
    from tasks.models.estimators.families import ModelSetting, Task

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
        An ONNX candidate. Its record has the parity with the estimator, and the seconds that it took.

    Raises:
        InputError: an argument is wrong, or the library refuses it.
        Refusal: the file cannot be made, or answers otherwise than the estimator.
    """
    from tasks.kernels.estimators.conversion import convert_estimator
    from tasks.kernels.estimators.exactness import Unconvertible

    dataset, store, started = prepared.dataset, context.store, time.monotonic()
    pipeline = fit_pipeline(prepared, spec, steps, context)
    try:
        graph = convert_estimator(pipeline, raw_inputs(dataset), dataset.classes or None)
    except Unconvertible as error:
        raise Refusal(str(error)) from error
    hop = prove_product(pipeline, graph, prepared, store)
    content = store.put(serialize_estimator(graph, dataset))
    record = store.put_json({"parity": [vars(hop)], "seconds": round(time.monotonic() - started, 3)})
    knobs: dict[str, Any] = {
        **spec.model_dump(mode="json", exclude={"step"}),
        "preprocess": [step.model_dump(mode="json") for step in steps],
        "data": dataset.fingerprint,
    }
    return Candidate("baseline", "onnx", "", {}, (Step("fit", VERSION, knobs, None, record, None),), content)


def fit_pipeline(prepared: Prepared, spec: Fit, steps: Sequence[ColumnStep], context: Context) -> Any:
    """The fitted scikit-learn Pipeline of a spec. Raises InputError as `fit_table` does."""
    from tasks.models.estimators.families import FAMILIES
    from tasks.models.estimators.fit import fit_estimator

    train, validation = (rows_of(prepared, split, context.store) for split in ("train", "validation"))
    dataset, family = prepared.dataset, FAMILIES[spec.family]
    setting = setting_of(spec, dataset.task)
    needs = ColumnNeeds(family.scaled, family.imputed, family.encoding)
    columns = {name: train[0][name].to_numpy() for name in train[0].columns}
    return fit_estimator(
        train,
        validation,
        family,
        setting,
        lambda: make_transformer(dataset.columns, steps, needs, columns, dataset.is_matrix),
        len(dataset.classes),
    )


def setting_of(spec: Fit, task: Task) -> ModelSetting:
    """What is asked of the family, as `build_estimator` takes it; with one thread, every fit is deterministic."""
    from tasks.models.estimators.families import ModelSetting

    return ModelSetting(task, spec.arguments, spec.seed, 1, spec.balanced, spec.quantile, dict(spec.monotone))
