"""Out-of-fold predictions: what a simple model answers for rows that it was not fitted on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.core import Context, Dataset, OutOfFold, Prepared, SplitName
from tasks.data.tables.column_steps import ColumnStep
from tasks.kernels.host.measurement_lock import shared_use
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import fit_rows
from tasks.training.simple.folds import BOTH, Fold, folds_of
from tasks.training.simple.table_rows import rows_of

if TYPE_CHECKING:
    import numpy as np

    from tasks.models.estimators.fit import Pair


@shared_use()
def predict_out_of_fold(
    prepared: Prepared,
    spec: Fit,
    steps: Sequence[ColumnStep],
    count: int,
    context: Context,
    splits: Sequence[SplitName] = BOTH,
) -> OutOfFold:
    """Fits the model once for each fold, and predicts the rows that the fold holds back.

    Columns are fitted on the fold's own rows, too. The same spec and data give the same answers.

    Args:
        prepared: a table.
        spec: the model's family and its settings.
        steps: the recipe's preprocessing.
        count: the number of folds.
        context: its store gets the answers.
        splits: the splits whose rows are folded; `folds_of` says how.

    Raises:
        InputError: as `folds_of` and `fit_table`.
    """
    import numpy as np
    import pandas as pd

    store, started = context.store, time.monotonic()
    parts = [rows_of(prepared, split, store) for split in splits]
    rows = pd.concat([each for each, _ in parts], ignore_index=True), np.concatenate([each for _, each in parts])
    answers, targets, held = predict_held(rows, folds_of(prepared, count, store, splits), prepared.dataset, spec, steps)
    predicted, true, kept = (store.put_array(each) for each in (answers, targets, held))
    return OutOfFold(predicted, true, kept, len(held), round(time.monotonic() - started, 3))


def predict_held(
    rows: Pair, folds: Sequence[Fold], dataset: Dataset, spec: Fit, steps: Sequence[ColumnStep]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fits the model once for each fold, and predicts the rows that the fold holds back.

    Args:
        rows: columns and targets, as `rows_of` gives them.
        folds: positions in the rows; no row is held back twice.
        dataset: describes the columns and the task.
        spec: the model's family and its settings.
        steps: the recipe's preprocessing.

    Returns:
        The answers (`fit.predict_rows`), the targets and the positions of the rows that were held back, sorted.

    Raises:
        InputError: as `fit_rows`.
    """
    import numpy as np

    from tasks.models.estimators.fit import predict_rows

    frame, targets = rows
    answers = np.zeros((len(frame), dataset.outputs), dtype=np.float32)
    for fold in folds:
        fit, stop = ((frame.iloc[places], targets[places]) for places in (fold.fit, fold.stop))
        pipeline = fit_rows(fit, stop, dataset, spec, steps)
        held = frame.iloc[fold.held]
        answers[fold.held] = predict_rows(pipeline, held.to_numpy() if dataset.is_matrix else held)
    places = np.sort(np.concatenate([fold.held for fold in folds]))
    return answers[places], targets[places], places
