"""Judging: champion and challenger answer the same rows on this host; what they lose and cost decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flows.results.gate.file_interfaces import interface_conflict
from tasks.compression.measure import product_of_file
from tasks.conversion.answer_rule import read_rule
from tasks.core import Estimate, Goal, MetricSpec, Refusal, Runtime
from tasks.evaluation import engines, evaluate, latencies, scoring
from tasks.evaluation.evaluate import EvaluationData, Product
from tasks.evaluation.groups import score_groups
from tasks.evaluation.metric_choice import metric_of
from tasks.monitoring.harm import row_losses
from tasks.monitoring.promotion import Comparison, Promotion, RunningCosts, gate_alpha, judge_challenger

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.statistics.metrics import Metric
    from tasks.kernels.statistics.one_sided_bounds import PairedBound

CHAMPION, CHALLENGER = "champion", "challenger"
ALPHA = 0.05
"""The error of all comparisons of one name."""
MEANS = ("accuracy", "log_loss", "mae", "quantile_loss")
"""Metrics whose differences are those of the mean loss of a row, so that the margin is in the loss's unit."""


@dataclass(frozen=True)
class GateTerms:
    """By what a challenger is judged."""

    goal: Goal
    """`max_drop` is the margin; its limits must be kept."""
    metric: MetricSpec
    """The goal's metric on these data."""
    runtime: Runtime
    k: int
    """The number of this comparison since the name's first one, from 1."""
    is_exact: bool
    """Whether the parity of the challenger's file is proven."""
    speedup: float | None = None
    """The challenger's baseline's latency over its own, for `goal.limits.speedup`."""
    champion_host: str = ""
    """The host where the champion was made (`machine.host_name`); empty where that is not known."""


def judge(champion: Path, challenger: Path, rows: EvaluationData, terms: GateTerms) -> Promotion:
    """Runs both ONNX files on the same rows, and times them interleaved on this host.

    Args:
        champion: its file.
        challenger: its file.
        rows: the raw inputs, targets and groups, which neither was fitted on; inputs as the challenger takes them.
        terms: what is asked of the challenger.

    Returns:
        What the gate decides. Files that cannot be compared, or rows that say nothing, leave the champion where it is.

    Raises:
        InputError: the execution provider is not installed, or the goal's margin is 0.
    """
    engines.check_runtime(terms.runtime)
    files = {CHAMPION: champion, CHALLENGER: challenger}
    if conflict := interface_conflict(champion, challenger, rows.inputs):
        return Promotion("stay", f"the champion stays: the challenger {conflict}")
    if len(rows.targets) < 2:
        return Promotion("not proven", f"not proven, the champion stays: there are {len(rows.targets)} fresh rows")
    products = {name: product_of_file(file, name) for name, file in files.items()}
    try:
        outputs = {name: evaluate.run_product(each, rows.inputs, terms.runtime)[0] for name, each in products.items()}
    except Refusal as refusal:
        return Promotion("stay", f"the champion stays: {refusal}")
    thresholds = {name: at for name, file in files.items() if (at := read_rule(file).threshold) is not None}
    loss = bound_loss(metric_of(terms.metric), outputs, rows.targets, thresholds, gate_alpha(ALPHA, terms.k))
    if loss is None:
        why = f"{terms.metric.name} is not defined on the {len(rows.targets):,} fresh rows"
        return Promotion("not proven", f"not proven, the champion stays: {why}")
    found = replace(_costs(products, rows, terms, loss), hurt=_hurt_groups(outputs, rows, terms, thresholds))
    return judge_challenger(found, terms.goal.max_drop, terms.goal.limits, ALPHA, terms.k, terms.goal.tie)


def bound_loss(
    metric: Metric,
    outputs: Mapping[str, np.ndarray],
    targets: np.ndarray,
    thresholds: Mapping[str, float],
    alpha: float,
) -> PairedBound | None:
    """How much worse the challenger is than the champion, in the metric's unit, with its one-sided bound.

    By the losses of rows where they make the metric (MEANS); otherwise by a paired bootstrap.

    Args:
        metric: of the goal.
        outputs: of CHAMPION and CHALLENGER, (n, outputs) each.
        targets: class indices or numbers, (n,).
        thresholds: of an operating point, those in the files.
        alpha: the chance that the bound is too low.

    Returns:
        The bound; None where the metric is not defined on these rows.
    """
    import numpy as np

    from tasks.kernels.statistics import intervals
    from tasks.kernels.statistics.one_sided_bounds import paired_bound, resampled_bound

    pair, n = (CHAMPION, CHALLENGER), len(targets)
    if metric.name in MEANS:
        old, new = (row_losses(metric, outputs[name], targets) for name in pair)
        return paired_bound(old, new, alpha)
    measures = [metric.measure(outputs[name], targets, thresholds.get(name)) for name in pair]
    old_value, new_value = (float(measure(np.ones((n, 1)))[0]) for measure in measures)
    if not np.isfinite([old_value, new_value]).all():
        return None
    resampled = intervals.bootstrap(measures, n, resamples=metric.resamples)
    share = n / scoring.even_count(targets, metric)
    span = share * scoring.scale_of(old_value, resampled[0], n, metric)
    value, lost = metric.loss(new_value, old_value), metric.loss(resampled[1], resampled[0])
    return resampled_bound(value, lost, n, alpha, span)


def _costs(products: Mapping[str, Product], rows: EvaluationData, terms: GateTerms, loss: PairedBound) -> Comparison:
    """The comparison with the bytes of both files and their latencies, measured interleaved."""
    files = {name: product.path for name, product in products.items()}
    times = latencies.measure_latency(files, CHAMPION, rows.inputs, terms.runtime)
    here = engines.host_of(terms.runtime)
    hosts = {CHAMPION: runtime_of(terms.champion_host or here), CHALLENGER: runtime_of(here)}
    old, new = (
        RunningCosts(product.path.stat().st_size, times[name].median_ms, hosts[name])
        for name, product in products.items()
    )
    return Comparison(loss, old, new, times[CHALLENGER].ratio, terms.is_exact, terms.speedup)


def _hurt_groups(
    outputs: Mapping[str, np.ndarray], rows: EvaluationData, terms: GateTerms, thresholds: Mapping[str, float]
) -> tuple[str, ...]:
    """The groups that lose more than `limits.group_drop` against the champion, as `goal.proof` judges it."""
    goal = terms.goal
    if goal.limits.group_drop is None:
        return ()
    scored = score_groups(outputs, CHAMPION, rows.targets, rows.groups, goal, metric_of(terms.metric), thresholds)
    drops: dict[str, Estimate] = {each.name: each.drop.estimate for each in scored[CHALLENGER] if each.drop}
    return tuple(name for name, drop in drops.items() if goal.judged(drop) > goal.group_margin)


def runtime_of(host: str) -> str:
    """What of a host (`engines.host_of`) changes answers and times: instruction sets, versions of the engines."""
    parts = host.split(", ")
    place = next(place for place, part in enumerate(parts) if part.startswith("onnxruntime "))
    return ", ".join(parts[place - 1 :])
