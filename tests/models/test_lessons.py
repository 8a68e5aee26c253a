"""A teacher's doubt becomes weights of rows."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.core import InputError
from tasks.models.estimators.families import FAMILIES
from tasks.models.estimators.lessons import lesson_rows


def test_a_row_stands_for_every_class_that_is_likely() -> None:
    features = np.arange(6.0).reshape(3, 2)
    answers = np.array([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.5, 0.4998, 0.0002]])
    rows, targets, weights = lesson_rows(features, answers, FAMILIES["lightgbm"], 3)
    assert targets.tolist() == [0, 1, 1, 0, 1, 2]  # the last class keeps its likeliest row
    assert rows[:, 0].tolist() == [0, 0, 2, 4, 4, 4]
    assert weights is not None
    np.testing.assert_allclose(weights, [0.7, 0.3, 1.0, 0.5, 0.4998, 0.001])


def test_values_are_the_targets_of_a_regression() -> None:
    features = np.zeros((2, 1))
    rows, targets, weights = lesson_rows(features, np.array([[1.5], [2.5]]), FAMILIES["knn"], 0)
    assert (targets.tolist(), weights, len(rows)) == ([1.5, 2.5], None, 2)


def test_a_family_without_weights_cannot_be_taught_classes() -> None:
    with pytest.raises(InputError, match="nearest neighbours cannot be taught"):
        lesson_rows(np.zeros((1, 1)), np.array([[0.5, 0.5]]), FAMILIES["knn"], 2)
