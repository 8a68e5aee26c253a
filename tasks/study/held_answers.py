"""Held answers: what a file answers for train rows that its model was not fitted on."""

from __future__ import annotations

import time

from tasks.core import Candidate, Context, OutOfFold, Prepared, Runtime
from tasks.data import input_layout
from tasks.evaluation.evaluate import run_file


def answer_held(
    file: Candidate, prepared: Prepared, rows: tuple[int, ...], runtime: Runtime, context: Context
) -> OutOfFold:
    """The answers of an ONNX file for rows of the train part, which are named by their places.

    Args:
        file: a candidate that is an ONNX file; its model did not see these rows.
        prepared: the data with all rows of train.
        rows: their places in train, sorted.
        runtime: how the file is run.
        context: its store holds the file and the data, and gets the answers.
    """
    import numpy as np

    started = time.monotonic()
    store, places = context.store, np.array(rows, dtype=np.int64)
    inputs = input_layout.product_inputs(prepared, "train", store, places)
    outputs, _ = run_file(store.path(file.content), inputs, runtime)
    targets = store.get_array(prepared.dataset.splits["train"].targets)[places]
    answers, true, kept = (store.put_array(np.ascontiguousarray(each)) for each in (outputs, targets, places))
    return OutOfFold(answers, true, kept, len(places), round(time.monotonic() - started, 3))
