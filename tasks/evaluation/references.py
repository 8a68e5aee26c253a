"""References: the best answer that looks at no input and a simple model, beside which the baseline is judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tasks.core import Estimate, MetricSpec, Reference
from tasks.core.scorecard import GainVerdict
from tasks.evaluation import scoring
from tasks.evaluation.metric_choice import metric_of

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.statistics.metrics import Metric

ALWAYS = "always"
"""How the names of answers begin that look at no input."""
MODEL = "model"
"""Key of the judged model's threshold; the others are those of the references."""


def constant_outputs(targets: np.ndarray, classes: tuple[str, ...], spec: MetricSpec) -> tuple[str, np.ndarray]:
    """The best constant answer on the train targets (n,), as text, and its outputs (outputs,).

    Classes: the logarithms of their shares, whose answer is the largest class, or the one that the threshold or the
    costs of the metric choose. Numbers: the median for `mae`, the quantile for `quantile_loss`, else the mean.
    """
    import numpy as np

    if not classes:
        share = {"mae": 0.5, "quantile_loss": spec.quantile}.get(spec.name)
        middle = float(np.mean(targets, dtype=np.float64) if share is None else np.quantile(targets, share))
        return f"{ALWAYS} {middle:.6g}", np.array([middle])
    shares = np.bincount(targets, minlength=len(classes)) / len(targets)
    row = np.log(np.maximum(shares, 1e-12))
    return _named(row, targets, classes, spec), row


def positive_outputs(classes: tuple[str, ...], spec: MetricSpec) -> dict[str, np.ndarray]:
    """For the F1 of one class: always to answer it, by its text, with its outputs (classes,); else nothing.

    Where the class is rare, that has a higher F1 than many a model that has learned.
    """
    import numpy as np

    if spec.name != "f1" or spec.positive is None:
        return {}
    return {f"{ALWAYS} {spec.label!r}": np.log(np.maximum(np.eye(len(classes))[spec.positive], 1e-12))}


def _named(row: np.ndarray, targets: np.ndarray, classes: tuple[str, ...], spec: MetricSpec) -> str:
    """What is answered where the outputs are always `row`, at the threshold or costs of the metric, as text."""
    import numpy as np

    from tasks.kernels.statistics import operating_points

    point, answer = metric_of(spec).point, row.argmax()
    if point is not None:
        same = np.broadcast_to(row, (len(targets), len(row)))
        threshold = operating_points.choose_threshold(same, targets, point)
        answer = operating_points.answers_at(np.exp(row)[None], point.positive, threshold)[0]
    elif spec.costs:
        answer = operating_points.cheapest_answers(np.exp(row)[None], spec.costs)[0]
    return f"{ALWAYS} {classes[int(answer)]!r}"


def compare_references(
    outputs: np.ndarray,
    targets: np.ndarray,
    references: Mapping[str, np.ndarray],
    metric: Metric,
    margin: float,
    thresholds: Mapping[str, float] = scoring.NO_THRESHOLDS,
) -> tuple[Reference, ...]:
    """Compares a model with simpler answers on the same examples.

    Args:
        outputs: the model's outputs, (n, outputs).
        targets: class indices or numbers, (n,).
        references: outputs by name, (n, outputs), or (outputs,) for an answer that is always the same.
        metric: the metric.
        margin: the largest accepted drop.
        thresholds: of an operating point, by the reference's name and for MODEL, chosen on other examples.

    Raises:
        InputError: the metric is not defined on these targets.
    """
    import numpy as np

    found = []
    for name, given in references.items():
        other = np.broadcast_to(given, (len(targets), given.shape[-1]))
        fixed = {key: thresholds[each] for key, each in (("other", name), (MODEL, MODEL)) if each in thresholds}
        scored = scoring.score_products({"other": other, MODEL: outputs}, "other", targets, metric, margin, fixed)
        drop = scored[MODEL][1].estimate
        gain = Estimate(-drop.value, -drop.high, -drop.low, drop.n)
        verdict: GainVerdict = "better" if gain.low > 0 else "not proven better" if gain.value > 0 else "no better"
        found.append(Reference(name, scored["other"][0], gain, verdict))
    return tuple(found)
