"""Estimator product: a fitted estimator as the ONNX file of a product, proven on all rows of validation and test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.core import Dataset, Parity, Prepared, Refusal, SplitName, Store
from tasks.data import input_layout
from tasks.data.product_remarks import product_remarks
from tasks.data.tables.date_columns import date_inputs
from tasks.data.tables.table_preprocessing import raw_inputs
from tasks.training.simple.table_rows import columns_of, targets_of

PROVEN: tuple[SplitName, ...] = ("validation", "test")
"""The splits on which an estimator and its file are compared."""
NAMED = 5
"""Most rows that a refusal names."""


def serialize_estimator(graph: Any, dataset: Dataset) -> bytes:
    """A product (bytes) of a converted graph (`onnx.ModelProto`).

    It takes raw columns, and its metadata say how it is read and measured.
    """
    from tasks.kernels.onnx import compose, sessions
    from tasks.kernels.onnx.raw_inputs import centers_of_inputs, centre_inputs, take_dates

    centers = {each.name: each.center for each in dataset.columns if each.kind != "date"}
    centred = centre_inputs(graph, centers_of_inputs(centers, dataset.input_name if dataset.is_matrix else None))
    centred = take_dates(centred, date_inputs(dataset.columns))
    name = graph.graph.output[-1].name
    measured = sessions.MeasuredOutput(name, "probabilities" if dataset.classes else "rows")
    layout = input_layout.layout_remarks(input_layout.layout_of_table(dataset), dataset)
    return compose.label(centred, product_remarks(dataset) | layout | measured.remark)


def convert_fitted(pipeline: Any, dataset: Dataset) -> Any:
    """The graph (`onnx.ModelProto`) of a fitted estimator of a table. Raises Refusal where it has no exact one."""
    from tasks.kernels.estimators.conversion import convert_estimator
    from tasks.kernels.estimators.exactness import Unconvertible

    try:
        return convert_estimator(pipeline, raw_inputs(dataset), dataset.classes or None)
    except Unconvertible as error:
        raise Refusal(str(error)) from error


def store_product(pipeline: Any, prepared: Prepared, store: Store) -> tuple[str, tuple[Parity, ...]]:
    """Puts the product of a fitted estimator into the store; it is converted and proven before.

    Returns:
        The product's digest, and the hops of `prove_product`.

    Raises:
        Refusal: the estimator has no exact graph, or its product answers otherwise.
    """
    product = serialize_estimator(convert_fitted(pipeline, prepared.dataset), prepared.dataset)
    hops = prove_product(pipeline, product, prepared, store)
    return store.put(product), hops


def prove_product(
    pipeline: Any, content: bytes, prepared: Prepared, store: Store, is_exact: bool = False
) -> tuple[Parity, ...]:
    """Compares the estimator with its product on all rows of validation and of test; the product gets the raw rows.

    Targets of the test split are not read: answers are compared with answers, and nothing is scored.

    Args:
        pipeline: the fitted estimator.
        content: the product, as `serialize_estimator` gives it.
        prepared: the data.
        store: holds them.
        is_exact: whether the estimator gets the numbers as they are, not rounded to 32 bits.

    Returns:
        A hop for each of the two splits that the data have.

    Raises:
        Refusal: a probability differs by more than 1e-4, or a prediction by more than 1e-4 of the target's deviation in
            validation; names the split and the rows.
    """
    dataset = prepared.dataset
    scale = 1.0 if dataset.classes else float(targets_of(prepared, "validation", store).std()) or 1.0
    hops = []
    for split in PROVEN:
        if split in dataset.splits:
            hops.append(_prove_split(pipeline, content, prepared, split, scale, store, is_exact))
    return tuple(hops)


def _prove_split(
    pipeline: Any, content: bytes, prepared: Prepared, split: SplitName, scale: float, store: Store, is_exact: bool
) -> Parity:
    from tasks.kernels.estimators.agreement import TOLERANCE, compare_feeds

    dataset = prepared.dataset
    feeds = input_layout.product_inputs(prepared, split, store)
    if is_exact:
        rows: Any = store.get_frame(dataset.splits[split].inputs)
    else:
        frame = columns_of(prepared, split, store)
        rows = frame.to_numpy() if dataset.is_matrix else frame
    found = compare_feeds(pipeline, content, rows, feeds, dataset.classes or None, scale)
    unit = "in probability" if dataset.classes else "of the target's deviation"
    law = f"at most {TOLERANCE:g} {unit}, on every row"
    agreement = 1 - len(found.rows) / found.count
    hop = Parity(f"scikit-learn → ONNX, {split}", found.count, found.largest, agreement, law, not found.rows)
    if not hop.passed:
        named = _listed(found.rows)
        raise Refusal(f"scikit-learn → ONNX: {named} of {split} differ by up to {hop.max_difference:.2g} ({law})")
    return hop


def _listed(rows: Sequence[int]) -> str:
    shown = ", ".join(map(str, rows[:NAMED]))
    return f"{len(rows)} rows ({shown}{', …' if len(rows) > NAMED else ''})"
