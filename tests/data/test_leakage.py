"""Leakage: an input that gives the answer away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.data.leakage import copies_between, determines
from tasks.data.readers import Examples

CLASSES = np.array(["no", "yes"] * 50, dtype=object)


@pytest.mark.parametrize(
    ("values", "targets", "answer"),
    [
        (pd.Series(["stay", "left"] * 50), CLASSES, True),
        (pd.Series([0, 1] * 50), CLASSES, True),
        (pd.Series([0, 1] * 49 + [1, 1]), CLASSES, False),
        (pd.Series(np.where(CLASSES == "yes", 1, -1) * (1 + np.arange(100))), CLASSES, True),
        (pd.Series(np.arange(100.0)), CLASSES, False),
        (pd.Series([f"u{row}" for row in range(100)]), CLASSES, False),
        (pd.Series(np.arange(100.0)), np.arange(100.0) * 3 - 7, True),
        (pd.Series(np.arange(100.0) ** 2), np.arange(100.0), False),
        (pd.Series([0, 1] * 10), CLASSES[:20], False),
    ],
)
def test_an_input_that_determines_the_target_is_told(values: pd.Series, targets: np.ndarray, answer: bool) -> None:
    assert determines(values, targets) is answer


def test_missing_values_do_not_count() -> None:
    values = pd.Series([0.0, 1.0] * 49 + [np.nan, 0.0])
    targets = CLASSES.copy()
    targets[-1] = ""
    assert determines(values, targets)


def test_copies_across_splits_are_named_by_their_rows_in_the_source() -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 1), np.uint8)
    images[7], images[8] = images[2], images[0]
    rows = Examples(images, np.arange(9))
    parts = {"train": rows.take(np.arange(5)), "test": rows.take(np.array([5, 6, 7, 8]))}
    assert copies_between(parts) == [  # type: ignore[arg-type]
        "2 of the test examples are exact copies of train ones, such as row 7, which is row 2 again."
    ]
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 1.0], "b": ["x", "y", "", "x"]})
    table = Examples(frame, np.arange(4))
    apart = {"train": table.take(np.array([0, 1])), "validation": table.take(np.array([2]))}
    assert copies_between(apart) == []  # type: ignore[arg-type]
    whole = {**apart, "test": table.take(np.array([3]))}
    assert copies_between(whole) == [  # type: ignore[arg-type]
        "1 of the test examples is an exact copy of train ones, such as row 3, which is row 0 again."
    ]
