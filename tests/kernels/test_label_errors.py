"""Rows whose answer speaks against their target."""

from __future__ import annotations

import numpy as np

from tasks.kernels.statistics.label_errors import doubtful_labels, doubtful_numbers


def test_most_flipped_labels_are_found_and_few_others() -> None:
    random = np.random.default_rng(0)
    true = random.integers(0, 3, size=600)
    logits = random.normal(size=(600, 3))
    logits[np.arange(600), true] += 4
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    given = true.copy()
    flipped = random.choice(600, 30, replace=False)
    given[flipped] = (given[flipped] + 1) % 3
    seems = doubtful_labels(probabilities, given)
    found = np.flatnonzero(seems != given)
    assert np.isin(flipped, found).mean() > 0.7
    assert np.isin(found, flipped).all()
    both = np.intersect1d(found, flipped)
    assert (seems[both] == true[both]).mean() > 0.95


def test_a_class_without_rows_is_seen_nowhere() -> None:
    probabilities = np.array([[0.1, 0.9], [0.2, 0.8]])
    assert doubtful_labels(probabilities, np.array([0, 0])).tolist() == [0, 0]


def test_a_number_that_is_far_out_is_found() -> None:
    targets = np.linspace(0, 10, 40)
    predictions = targets + np.tile([0.1, -0.2, 0.3, -0.1], 10)
    predictions[7] = 90.0
    assert np.flatnonzero(doubtful_numbers(predictions, targets)).tolist() == [7]
