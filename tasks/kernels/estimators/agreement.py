"""Agreement: a converted file against the estimator that it came from, row by row, raw rows in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.kernels.estimators.conversion import RawInput
from tasks.kernels.onnx.sessions import run_all

Array = NDArray[Any]
TOLERANCE = 1e-4
"""Largest difference that counts as the same: in probability, or as a share of the target's deviation."""


@dataclass(frozen=True)
class Agreement:
    """How far a file's answers are from those of its estimator."""

    count: int
    """The rows that were compared: all."""
    largest: float
    """The largest difference, in probability or as a share of `scale`; infinite where one answer is not a number."""
    rows: tuple[int, ...]
    """The positions of the rows that differ by more than the tolerance, or in their label where it is no tie."""


def compare_answers(
    estimator: Any,
    model: bytes,
    frame: Any,
    inputs: Sequence[RawInput],
    classes: Sequence[str] | None = None,
    scale: float = 1.0,
) -> Agreement:
    """Runs all rows through the estimator and through the file, and compares.

    Args:
        estimator: what `convert_estimator` was given.
        model: the file, which has the outputs of `convert_estimator`.
        frame: the raw rows: a frame with the inputs as columns, or a matrix where that is the input.
        inputs: the file's inputs.
        classes: of a classifier, the names of its classes.
        scale: of a regressor or a transformer, what a difference of 1 counts as; for a target its deviation.

    Raises:
        ValueError: a column of text holds something else, such as None.
    """
    return compare_feeds(estimator, model, frame, raw_feeds(frame, inputs), classes, scale)


def compare_feeds(
    estimator: Any,
    model: bytes,
    frame: Any,
    feeds: Mapping[str, Array],
    classes: Sequence[str] | None = None,
    scale: float = 1.0,
) -> Agreement:
    """As `compare_answers`, of a file that takes the rows in another form than the estimator: `feeds`, by input."""
    answers = list(run_all(model, feeds).values())
    expected = _expected(estimator, frame)
    # Where the inverse of a logarithm stands behind the answer, 32 bits keep so many digits of it, however large it is.
    is_mapped = hasattr(getattr(estimator, "steps", [("", None)])[-1][1], "target_map")
    unlike = _difference(answers[-1], expected) / (np.maximum(scale, np.abs(expected)) if is_mapped else scale)
    worst = unlike.max(axis=1, initial=0.0)
    is_off = worst > TOLERANCE
    if classes is not None:
        is_off |= _is_other_label(answers[0], expected, classes)
    return Agreement(len(worst), float(worst.max(initial=0.0)), tuple(np.flatnonzero(is_off).tolist()))


def raw_feeds(frame: Any, inputs: Sequence[RawInput]) -> dict[str, Array]:
    """Input name → (rows, width), float32 or str objects, out of a frame or a matrix.

    Raises:
        ValueError: a column of text holds something else, such as None.
    """
    if isinstance(frame, np.ndarray):
        return {inputs[0].name: np.asarray(frame, np.float32)}
    return {each.name: _column(frame[each.name], each) for each in inputs}


def _column(column: Any, described: RawInput) -> Array:
    if described.dtype == "float32":
        return np.asarray(column.to_numpy(np.float32)).reshape(-1, 1)
    values = column.to_numpy(object)
    strange = [value for value in values if not isinstance(value, str)]
    if strange:
        raise ValueError(f"column {described.name!r} is text, but holds {strange[0]!r}")
    return np.asarray(values).reshape(-1, 1)


def _expected(estimator: Any, frame: Any) -> Array:
    """What the estimator itself answers, (rows, width)."""
    verb = next(name for name in ("predict_proba", "predict", "transform") if hasattr(estimator, name))
    found = getattr(estimator, verb)(frame)
    found = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
    return found.reshape(len(found), -1).astype(np.float64)


def _difference(found: Array, expected: Array) -> Array:
    """Absolute differences; 0 where both are NaN or the same infinity, infinite where only one is."""
    with np.errstate(invalid="ignore"):
        unlike = np.abs(found.astype(np.float64) - expected)
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    return np.where(same, 0.0, np.where(np.isnan(unlike), np.inf, unlike))


def _is_other_label(labels: Array, expected: Array, classes: Sequence[str]) -> Array:
    """Which rows have another label than the most probable class, though it is ahead by twice the tolerance."""
    ordered = np.sort(expected, axis=1)
    is_clear = ordered[:, -1] - ordered[:, -2] > 2 * TOLERANCE
    return np.asarray(is_clear & (labels.astype(str) != np.asarray(classes)[expected.argmax(axis=1)]))
