"""Scoring: the metric of products and their paired drop against the baseline, with intervals and a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from tasks.core import Drop, Estimate, InputError

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.statistics.class_metrics import Weighted
    from tasks.kernels.statistics.metrics import Metric

NO_THRESHOLDS: Mapping[str, float] = MappingProxyType({})


def score_products(
    outputs: Mapping[str, np.ndarray],
    baseline: str,
    targets: np.ndarray,
    metric: Metric,
    margin: float,
    thresholds: Mapping[str, float] = NO_THRESHOLDS,
    level: float = 0.95,
) -> dict[str, tuple[Estimate, Drop]]:
    """Each product's metric and its paired drop against the baseline, both with intervals.

    Accuracy: Wilson's interval for the metric, Tango's score interval for the drop. Other metrics: a paired bootstrap
    over the examples, whose intervals are no narrower than an error that so few examples need not show
    (`intervals.unseen_share`): 12 rows prove nothing. Without thresholds, that of an operating point is chosen anew in
    every resample, as it was chosen on these examples; given ones are used unchanged.

    Args:
        outputs: the products' outputs by digest, (n, outputs).
        baseline: the baseline's digest, a key of `outputs`.
        targets: class indices or numbers, (n,).
        metric: the metric.
        margin: the largest accepted drop.
        thresholds: of an operating point, by digest, where they were chosen on other examples.
        level: the level of the intervals.

    Raises:
        InputError: the metric is not defined on these targets.
    """
    if metric.name == "accuracy":
        return _score_accuracy(outputs, baseline, targets, margin, level)
    weighted = {digest: metric.measure(found, targets, thresholds.get(digest)) for digest, found in outputs.items()}
    return _score_by_bootstrap(weighted, baseline, targets, metric, margin, level)


def _score_accuracy(
    outputs: Mapping[str, np.ndarray], baseline: str, targets: np.ndarray, margin: float, level: float
) -> dict[str, tuple[Estimate, Drop]]:
    from tasks.kernels.statistics import intervals, metrics

    n, z = len(targets), intervals.normal_quantile(level)
    right = {digest: metrics.correct(found, targets) for digest, found in outputs.items()}
    scored = {}
    for digest, hits in right.items():
        losses, gains = int((right[baseline] & ~hits).sum()), int((hits & ~right[baseline]).sum())
        low, high = intervals.wilson(int(hits.sum()), n, z)
        drop = Estimate((losses - gains) / n, *intervals.paired_difference(losses, gains, n, z), n)
        needed = intervals.examples_needed(losses, gains, n, margin, z)
        judged = drop_verdict(drop, margin, needed) if digest != baseline else no_drop(n, margin)
        scored[digest] = Estimate(float(hits.mean()), low, high, n), judged
    return scored


def _score_by_bootstrap(
    weighted: Mapping[str, Weighted], baseline: str, targets: np.ndarray, metric: Metric, margin: float, level: float
) -> dict[str, tuple[Estimate, Drop]]:
    import numpy as np

    from tasks.kernels.statistics import intervals

    n, z = len(targets), intervals.normal_quantile(level)
    values = {digest: float(measure(np.ones((n, 1)))[0]) for digest, measure in weighted.items()}
    if not np.isfinite(list(values.values())).all():
        why = ": a class is missing" if metric.task == "classification" else ""
        raise InputError(f"is not defined on these {n} targets{why}", path="goal.metric", value=metric.name)
    found = intervals.bootstrap(list(weighted.values()), n, resamples=metric.resamples)
    resampled = dict(zip(weighted, found, strict=True))
    share, scale = n / even_count(targets, metric), scale_of(values[baseline], resampled[baseline], n, metric)
    floor = intervals.unseen_share(n / share, z) * scale
    scored = {}
    for digest, value in values.items():
        low, high = intervals.at_least(intervals.percentiles(resampled[digest], level), value, floor)
        estimate = Estimate(value, max(low, metric.bounds[0]), min(high, metric.bounds[1]), n)
        lost, worse = metric.loss(resampled[digest], resampled[baseline]), metric.loss(value, values[baseline])
        width = intervals.percentiles(lost, level)
        drop = Estimate(worse, *intervals.at_least(width, worse, floor), n)
        needs = (
            intervals.needed_by_width(worse, width[1], n, margin),
            intervals.needed_by_share(worse, scale, margin, z),
        )
        needed = None if None in needs else max(needs[0] or 0, math.ceil(share * (needs[1] or 0)))
        judged = drop_verdict(drop, margin, needed) if digest != baseline else no_drop(n, margin)
        scored[digest] = estimate, judged
    return scored


def choose_thresholds(outputs: Mapping[str, np.ndarray], targets: np.ndarray, metric: Metric) -> dict[str, float]:
    """The best threshold of each product, by digest; empty for a metric without an operating point."""
    from tasks.kernels.statistics.operating_points import choose_threshold

    if metric.point is None:
        return {}
    return {digest: choose_threshold(found, targets, metric.point) for digest, found in outputs.items()}


def share_kept(outputs: np.ndarray, targets: np.ndarray, metric: Metric, threshold: float | None) -> Estimate | None:
    """The precision or specificity of an operating point at a threshold, with its 95 % interval.

    None for other metrics, and where no example is answered positive, or none is negative.
    """
    from tasks.kernels.statistics import intervals, operating_points

    if metric.point is None or threshold is None:
        return None
    kept, n = operating_points.kept_share(outputs, targets, metric.point, threshold)
    return Estimate(kept / n, *intervals.wilson(kept, n), n) if n else None


def scale_of(score: float, resampled: np.ndarray, n: int, metric: Metric) -> float:
    """`metric.scale`; of a metric without bounds at least the deviation of one example, as the resamples show it."""
    import numpy as np

    if any(map(math.isfinite, metric.bounds)):
        return metric.scale(score)
    return max(abs(score), float(np.nanstd(resampled)) * math.sqrt(n))


def even_count(targets: np.ndarray, metric: Metric) -> float:
    """The number of examples that say as much: of classes, that of the rarest class present times their number.

    Of a metric that rests on one class it is that class's number; of means over all examples it is the number of all.
    """
    import numpy as np

    if metric.task == "regression" or metric.name == "cost":
        return len(targets)
    if metric.positive is not None:
        return max(1, int((targets == metric.positive).sum()))
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
