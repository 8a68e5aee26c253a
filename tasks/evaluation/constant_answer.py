"""Constant answer: whether a model is better than the best answer that looks at no input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tasks.core import Estimate, Goal
from tasks.evaluation import scoring

if TYPE_CHECKING:
    import numpy as np

BaselineVerdict = Literal["better", "not proven better", "no better"]


@dataclass(frozen=True)
class ConstantComparison:
    """A model beside the constant answer, paired on the same examples."""

    score: Estimate
    """The constant answer's score."""
    gain: Estimate
    """By how much the model is better, in the metric's own unit."""
    verdict: BaselineVerdict
    """`better` where the whole interval of the gain is above 0, `no better` where its estimate is not."""
    answer: str
    """The constant answer as text: `yes`, or `312.5`."""


def constant_outputs(targets: np.ndarray, classes: tuple[str, ...], metric: str) -> tuple[np.ndarray, str]:
    """The outputs (outputs,) of the best constant answer on the train targets (n,), and the answer as text.

    Classes: the logarithms of their shares, whose answer is the largest class. Numbers: the median for `mae`, else the
    mean.
    """
    import numpy as np

    if classes:
        shares = np.bincount(targets, minlength=len(classes)) / len(targets)
        return np.log(np.maximum(shares, 1e-12)), classes[int(shares.argmax())]
    middle = float(np.median(targets) if metric == "mae" else np.mean(targets, dtype=np.float64))
    return np.array([middle]), f"{middle:.6g}"


def compare_to_constant(
    outputs: np.ndarray, targets: np.ndarray, train_targets: np.ndarray, classes: tuple[str, ...], goal: Goal
) -> ConstantComparison:
    """Compares a model with the constant answer of the train split.

    Args:
        outputs: the model's outputs, (n, outputs).
        targets: class indices or numbers, (n,).
        train_targets: those of the train split, from which the constant answer is taken.
        classes: the names of the classes; empty for regression.
        goal: names the metric.

    Raises:
        InputError: the metric is not defined on these targets.
    """
    import numpy as np

    row, answer = constant_outputs(train_targets, classes, goal.metric)
    constant = np.broadcast_to(row, (len(targets), len(row)))
    scored = scoring.score_products({"constant": constant, "model": outputs}, "constant", targets, goal)
    drop = scored["model"][1].estimate
    gain = Estimate(-drop.value, -drop.high, -drop.low, drop.n)
    verdict: BaselineVerdict = "better" if gain.low > 0 else "not proven better" if gain.value > 0 else "no better"
    return ConstantComparison(scored["constant"][0], gain, verdict, answer)
