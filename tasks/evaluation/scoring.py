"""Scoring: the metric of products and their paired drop against the baseline, with intervals and a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tasks.core import Drop, Estimate, Goal, InputError

if TYPE_CHECKING:
    import numpy as np


def score_products(
    outputs: Mapping[str, np.ndarray], baseline: str, targets: np.ndarray, goal: Goal
) -> dict[str, tuple[Estimate, Drop]]:
    """Each product's metric and its paired drop against the baseline, both with 95 % intervals.

    Accuracy: Wilson's interval for the metric, Tango's score interval for the drop. Other metrics: a paired bootstrap
    over the examples, whose intervals are no narrower than an error that so few examples need not show
    (`intervals.unseen_share`): 12 rows prove nothing.

    Args:
        outputs: the products' outputs by digest, (n, outputs).
        baseline: the baseline's digest, a key of `outputs`.
        targets: class indices or numbers, (n,).
        goal: the metric and the largest accepted drop.

    Raises:
        InputError: the metric is not defined on these targets.
    """
    if goal.metric == "accuracy":
        return _score_accuracy(outputs, baseline, targets, goal.max_drop)
    return _score_by_bootstrap(outputs, baseline, targets, goal)


def _score_accuracy(
    outputs: Mapping[str, np.ndarray], baseline: str, targets: np.ndarray, margin: float
) -> dict[str, tuple[Estimate, Drop]]:
    from tasks.kernels.statistics import intervals, metrics

    n = len(targets)
    right = {digest: metrics.correct(found, targets) for digest, found in outputs.items()}
    scored = {}
    for digest, hits in right.items():
        losses, gains = int((right[baseline] & ~hits).sum()), int((hits & ~right[baseline]).sum())
        low, high = intervals.wilson(int(hits.sum()), n)
        drop = Estimate((losses - gains) / n, *intervals.paired_difference(losses, gains, n), n)
        needed = intervals.examples_needed(losses, gains, n, margin)
        judged = drop_verdict(drop, margin, needed) if digest != baseline else no_drop(n, margin)
        scored[digest] = Estimate(float(hits.mean()), low, high, n), judged
    return scored


def _score_by_bootstrap(
    outputs: Mapping[str, np.ndarray], baseline: str, targets: np.ndarray, goal: Goal
) -> dict[str, tuple[Estimate, Drop]]:
    import numpy as np

    from tasks.kernels.statistics import intervals, metrics

    n, metric = len(targets), metrics.METRICS[goal.metric]
    weighted = {digest: metric.weighted(found, targets) for digest, found in outputs.items()}
    values = {digest: float(measure(np.ones((n, 1)))[0]) for digest, measure in weighted.items()}
    if not np.isfinite(list(values.values())).all():
        raise InputError(
            f"is not defined on these {n} targets: a class is missing", path="goal.metric", value=goal.metric
        )
    resampled = dict(zip(weighted, intervals.bootstrap(list(weighted.values()), n), strict=True))
    share, scale = n / even_count(targets, metric.task), metric.scale(values[baseline])
    floor = intervals.unseen_share(n / share) * scale
    scored = {}
    for digest, value in values.items():
        low, high = intervals.at_least(intervals.percentiles(resampled[digest]), value, floor)
        estimate = Estimate(value, max(low, metric.bounds[0]), min(high, metric.bounds[1]), n)
        lost, worse = metric.loss(resampled[digest], resampled[baseline]), metric.loss(value, values[baseline])
        width = intervals.percentiles(lost)
        drop = Estimate(worse, *intervals.at_least(width, worse, floor), n)
        needs = (
            intervals.needed_by_width(worse, width[1], n, goal.max_drop),
            intervals.needed_by_share(worse, scale, goal.max_drop),
        )
        needed = None if None in needs else max(needs[0] or 0, math.ceil(share * (needs[1] or 0)))
        judged = drop_verdict(drop, goal.max_drop, needed) if digest != baseline else no_drop(n, goal.max_drop)
        scored[digest] = estimate, judged
    return scored


def even_count(targets: np.ndarray, task: str) -> float:
    """The number of examples that say as much: of classes, that of the rarest class present times their number."""
    import numpy as np

    if task == "regression":
        return len(targets)
    counts = np.unique(targets, return_counts=True)[1]
    return int(counts.min()) * len(counts)


def drop_verdict(drop: Estimate, margin: float, needed: int | None) -> Drop:
    """A drop with its verdict: `proven within` the margin, `within, not proven`, or `beyond`.

    `needed`, the number of examples that would prove it, is kept only for `within, not proven`.
    """
    if drop.high <= margin:
        return Drop(drop, margin, "proven within", None)
    if drop.value <= margin:
        return Drop(drop, margin, "within, not proven", needed)
    return Drop(drop, margin, "beyond", None)


def no_drop(n: int, margin: float) -> Drop:
    """The drop of the baseline against itself: 0 on `n` examples."""
    return Drop(Estimate(0.0, 0.0, 0.0, n), margin, "proven within", None)
