"""The linear head: a fit to the optimum, the same bits each time."""

from __future__ import annotations

import numpy as np

from tasks.training.transfer.linear_head import ABSENT, fit_head


def clouds(count: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of which three tell the classes apart, one is constant, and one is large."""
    draw, targets = np.random.default_rng(seed), np.arange(count) % classes
    features = draw.normal(size=(count, 8)) + 3 * np.eye(8)[targets]
    features[:, 6], features[:, 7] = 2.0, 1e3 * features[:, 7]
    return features.astype(np.float32), targets.astype(np.int64)


def test_it_tells_classes_apart_and_is_the_same_again() -> None:
    features, targets = clouds(120, 3)
    one, other = fit_head(features, targets, 3, seed=1), fit_head(features, targets, 3, seed=1)
    assert (one.weight.shape, one.bias.shape, one.weight.dtype) == ((3, 8), (3,), np.float32)
    assert one.weight.tobytes() == other.weight.tobytes()
    fresh, wanted = clouds(300, 3, seed=9)
    assert ((fresh @ one.weight.T + one.bias).argmax(1) == wanted).mean() > 0.9


def test_two_classes_have_two_outputs_and_a_class_that_is_absent_is_never_answered() -> None:
    features, targets = clouds(80, 2)
    head = fit_head(features, targets, 3, seed=0)
    answers = features @ head.weight.T + head.bias
    assert (answers.argmax(1) == targets).mean() > 0.9
    assert np.allclose(answers[:, 0], -answers[:, 1], atol=1e-3)
    assert head.bias[2] == ABSENT


def test_numbers_get_a_ridge_regression() -> None:
    features, _ = clouds(200, 3)
    targets = (2 * features[:, 0] - features[:, 1] + 1).astype(np.float32)
    head = fit_head(features, targets, 1, seed=0)
    assert head.weight.shape == (1, 8)
    assert np.abs(features @ head.weight[0] + head.bias[0] - targets).max() < 0.05
