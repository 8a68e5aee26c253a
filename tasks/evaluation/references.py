"""References: the best answer that looks at no input and a simple model, beside which the baseline is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core import Estimate, Goal, Reference
from tasks.core.scorecard import GainVerdict
from tasks.evaluation import scoring

if TYPE_CHECKING:
    import numpy as np


def constant_outputs(targets: np.ndarray, classes: tuple[str, ...], metric: str) -> tuple[str, np.ndarray]:
    """The best constant answer on the train targets (n,), as text, and its outputs (outputs,).

    Classes: the logarithms of their shares, whose answer is the largest class. Numbers: the median for `mae`, else the
    mean.
    """
    import numpy as np

    if classes:
        shares = np.bincount(targets, minlength=len(classes)) / len(targets)
        return f"always {classes[int(shares.argmax())]!r}", np.log(np.maximum(shares, 1e-12))
    middle = float(np.median(targets) if metric == "mae" else np.mean(targets, dtype=np.float64))
    return f"always {middle:.6g}", np.array([middle])


def compare_references(
    outputs: np.ndarray, targets: np.ndarray, references: dict[str, np.ndarray], goal: Goal
) -> tuple[Reference, ...]:
    """Compares a model with simpler answers on the same examples.

    Args:
        outputs: the model's outputs, (n, outputs).
        targets: class indices or numbers, (n,).
        references: outputs by name, (n, outputs), or (outputs,) for an answer that is always the same.
        goal: names the metric.

    Raises:
        InputError: the metric is not defined on these targets.
    """
    import numpy as np

    found = []
    for name, given in references.items():
        other = np.broadcast_to(given, (len(targets), given.shape[-1]))
        scored = scoring.score_products({"other": other, "model": outputs}, "other", targets, goal)
        drop = scored["model"][1].estimate
        gain = Estimate(-drop.value, -drop.high, -drop.low, drop.n)
        verdict: GainVerdict = "better" if gain.low > 0 else "not proven better" if gain.value > 0 else "no better"
        found.append(Reference(name, scored["other"][0], gain, verdict))
    return tuple(found)
