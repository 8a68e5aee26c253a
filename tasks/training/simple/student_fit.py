"""Student fit: a simple model is fitted on the answers of the baseline, its teacher, and becomes an ONNX file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.core import Candidate, Context, OutOfFold, Prepared, Step
from tasks.data import input_layout
from tasks.data.tables.column_steps import ColumnStep
from tasks.data.tables.frame_layer import model_columns
from tasks.data.tables.mixed_rows import mix_rows
from tasks.kernels.host.measurement_lock import shared_use
from tasks.training.simple.column_selection import read_columns, without_columns
from tasks.training.simple.estimator_product import store_product
from tasks.training.simple.fit_spec import Fit, knobs_of_fit
from tasks.training.simple.fit_table import fit_rows
from tasks.training.simple.table_rows import rows_of
from tasks.training.simple.teacher import teacher_of, unseen_answers

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from tasks.models.estimators.lessons import Lessons

BATCH = 8192
"""Rows of one run of the teacher's file."""
VERSION = 1
"""Raised by one when the same spec gives another model."""


@shared_use()
def fit_student(
    prepared: Prepared,
    spec: Fit,
    steps: Sequence[ColumnStep],
    teacher: Candidate,
    answers: Sequence[OutOfFold],
    context: Context,
) -> Candidate:
    """Fits a simple model on its teacher's answers; the validation split, with its targets, stops boosting early.

    Args:
        prepared: a table.
        spec: the student, with `taught`.
        steps: the recipe's preprocessing.
        teacher: a simple model or an ensemble.
        answers: what each member of the teacher answers for rows of train that it was not fitted on.
        context: its store gets the file.

    Returns:
        An ONNX candidate. Its record has the parity with the estimator, the number of lessons, that of
        lessons for synthetic rows, and the seconds.

    Raises:
        InputError: an argument is wrong, or the library refuses it.
        Refusal: the teacher cannot teach, or the file cannot be made, or answers otherwise than the estimator.
    """
    store, started = context.store, time.monotonic()
    lessons = lessons_of(prepared, spec, teacher, answers, context)
    train, validation = (rows_of(prepared, split, store) for split in ("train", "validation"))
    # Validation is weighed as it was for the teacher.
    setting = spec.model_copy(update={"balanced": teacher_of(teacher).balanced})
    pipeline = fit_rows(train, validation, prepared.dataset, setting, steps, lessons)
    read = read_columns(pipeline, prepared.dataset)
    content, hops = store_product(pipeline, without_columns(prepared, read), store)
    record: dict[str, Any] = {
        "parity": [vars(hop) for hop in hops],
        "lessons": len(lessons.frame),
        "synthetic": len(lessons.frame) - answers[0].count,
        "seconds": round(time.monotonic() - started, 3),
    }
    knobs = knobs_of_fit(spec, steps, prepared.dataset.fingerprint) | {"teacher": teacher.digest}
    step = Step("fit", VERSION, knobs, None, store.put_json(record), None)
    return Candidate("baseline", "onnx", "", {}, (step,), content)


def lessons_of(
    prepared: Prepared, spec: Fit, teacher: Candidate, answers: Sequence[OutOfFold], context: Context
) -> Lessons:
    """The teacher's answers for the rows of train that it has been asked for, and for synthetic rows."""
    import numpy as np
    import pandas as pd

    from tasks.models.estimators.lessons import Lessons

    store, dataset = context.store, prepared.dataset
    rows = store.get_array(answers[0].rows)
    said = unseen_answers(teacher_of(teacher), answers, prepared, store)
    if spec.hard_weight:
        targets = store.get_array(answers[0].targets)
        true = np.eye(len(dataset.classes))[targets] if dataset.classes else np.asarray(targets)[:, None]
        said = (1 - spec.hard_weight) * said + spec.hard_weight * true
    raw = store.get_frame(dataset.splits["train"].inputs)
    frame = pd.DataFrame(model_columns(raw.iloc[rows], dataset.columns))
    count = round(spec.synthetic * len(raw))
    if not count:
        return Lessons(frame, said)
    made = mix_rows(raw, count, spec.seed)
    extra = pd.DataFrame(model_columns(made, dataset.columns))
    told = ask_file(prepared, made, teacher, context)
    return Lessons(pd.concat([frame, extra], ignore_index=True), np.concatenate([said, told]))


def ask_file(prepared: Prepared, raw: pd.DataFrame, teacher: Candidate, context: Context) -> np.ndarray:
    """What the teacher's file answers for raw rows: probabilities (rows, classes), or predictions (rows, 1)."""
    import numpy as np

    from tasks.kernels.onnx import sessions

    store = context.store
    inputs = input_layout.inputs_of_frame(prepared, raw)
    found = np.asarray(sessions.predict(store.path(teacher.content), inputs, BATCH), np.float64)
    return np.exp(found) if prepared.dataset.classes else found
