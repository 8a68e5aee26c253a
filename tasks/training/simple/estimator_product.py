"""Estimator product: a fitted estimator as the ONNX file of a product, proven on all rows of a split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.core import Dataset, Parity, Prepared, Refusal, Store
from tasks.data import input_layout
from tasks.data.product_remarks import product_remarks
from tasks.data.tables.table_preprocessing import raw_inputs
from tasks.training.simple.table_rows import rows_of

if TYPE_CHECKING:
    pass

NAMED = 5
"""Most rows that a refusal names."""


def serialize_estimator(graph: Any, dataset: Dataset) -> bytes:
    """A product (bytes) of a converted graph (`onnx.ModelProto`).

    It takes raw columns, and its metadata say how it is read and measured.
    """
    from tasks.kernels.onnx import compose, sessions
    from tasks.kernels.onnx.raw_inputs import centers_of_inputs, centre_inputs

    centers = {each.name: each.center for each in dataset.columns}
    centred = centre_inputs(graph, centers_of_inputs(centers, dataset.input_name if dataset.is_matrix else None))
    name = graph.graph.output[-1].name
    measured = sessions.MeasuredOutput(name, "probabilities" if dataset.classes else "rows")
    layout = input_layout.layout_remarks(input_layout.layout_of_table(dataset), dataset)
    return compose.label(centred, product_remarks(dataset) | layout | measured.remark)


def prove_product(pipeline: Any, graph: Any, prepared: Prepared, store: Store) -> Parity:
    """Compares the estimator with its file on all rows of the validation split.

    Args:
        pipeline: the fitted estimator.
        graph: its converted form, with float32 columns as inputs.
        prepared: the data.
        store: holds them.

    Raises:
        Refusal: a probability differs by more than 1e-4, or a prediction by more than 1e-4 of the target's deviation;
            names the rows.
    """
    from tasks.kernels.estimators.agreement import TOLERANCE, compare_answers

    dataset = prepared.dataset
    frame, targets = rows_of(prepared, "validation", store)
    scale = 1.0 if dataset.classes else float(targets.std()) or 1.0
    rows = frame.to_numpy() if dataset.is_matrix else frame
    classes = dataset.classes or None
    found = compare_answers(pipeline, graph.SerializeToString(), rows, raw_inputs(dataset), classes, scale)
    unit = "in probability" if dataset.classes else "of the target's deviation"
    law = f"at most {TOLERANCE:g} {unit}, on every row"
    agreement = 1 - len(found.rows) / found.count
    hop = Parity("scikit-learn → ONNX", found.count, found.largest, agreement, law, not found.rows)
    if not hop.passed:
        named = _listed(found.rows)
        raise Refusal(f"{hop.hop}: {named} of validation differ by up to {hop.max_difference:.2g} ({law})")
    return hop


def _listed(rows: Sequence[int]) -> str:
    shown = ", ".join(map(str, rows[:NAMED]))
    return f"{len(rows)} rows ({shown}{', …' if len(rows) > NAMED else ''})"
