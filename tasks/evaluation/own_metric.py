"""Own metric: the user's function (outputs, targets) as a metric, whose mistakes are one sentence that names it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from tasks.core import InputError
from tasks.core.errors import in_one_line
from tasks.core.import_path import resolve

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.statistics.class_metrics import Weighted
    from tasks.kernels.statistics.metrics import Metric

PATH = "goal.metric"
RESAMPLES = 1000
"""Resamples of a bootstrap of the user's own function, which may be called for each of them."""


def own_metric(target: str, task: Literal["classification", "regression"]) -> Metric:
    """The function at an import path as a metric.

    It takes the probabilities (n, classes) or the predictions (n,), and the targets: class indices or numbers (n,). It
    returns one number for each example, whose mean is the metric, or one for all; then the bootstrap calls it for each
    of RESAMPLES resamples. Its attribute `lower_is_better` (default False) is the direction, and `title` (default its
    name) what reports call it.

    Raises:
        InputError: there is no such function; later, the function fails or returns something else.
    """
    from tasks.kernels.statistics.metrics import Metric

    function: Any = resolve(target, PATH)

    def weighted(outputs: np.ndarray, targets: np.ndarray) -> Weighted:
        return _weighted(function, target, outputs, targets)

    return Metric(
        name=target,
        title=str(getattr(function, "title", target.partition(":")[2].replace("_", " "))),
        task=task,
        lower_is_better=bool(getattr(function, "lower_is_better", False)),
        weighted=weighted,
        losses=None,
        needs_logits=task == "classification",
        bounds=(-math.inf, math.inf),
        resamples=RESAMPLES,
    )


def _weighted(function: Any, target: str, outputs: np.ndarray, targets: np.ndarray) -> Weighted:
    """The function's values as a function of weights: their weighted mean, or its value on the repeated examples."""
    import numpy as np

    from tasks.kernels.statistics.class_metrics import log_softmax
    from tasks.kernels.statistics.metrics import mean_of

    is_number = outputs.ndim == 1 or outputs.shape[1] == 1
    answers = np.ravel(outputs).astype(np.float64) if is_number else np.exp(log_softmax(outputs))
    found = _call(function, target, answers, targets)
    if found.ndim == 1:
        return mean_of(found)

    def value(counts: np.ndarray) -> float:
        rows = np.repeat(np.arange(len(targets)), counts.astype(np.int64))
        try:
            return float(_call(function, target, answers[rows], targets[rows]))
        except InputError:
            return math.nan  # undefined on this resample; on all examples it was defined

    def measure(weights: np.ndarray) -> np.ndarray:
        plain = (weights == 1).all(axis=0)
        return np.array(
            [float(found) if same else value(column) for same, column in zip(plain, weights.T, strict=True)]
        )

    return measure


def _call(function: Any, target: str, answers: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """What the function returns: a number, or (n,). Raises InputError when it fails or returns something else."""
    import numpy as np

    n = len(targets)
    try:
        returned = function(answers, np.asarray(targets))
    except Exception as error:
        raise InputError(f"fails on {n} examples ({in_one_line(error)})", path=PATH, value=target) from error
    try:
        found = np.asarray(returned, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.full((0, 0), np.nan)
    if found.shape not in ((), (n,)):
        law = f"must return one number, or one for each of {n} examples, but returns {_described(returned)}"
        raise InputError(law, path=PATH, value=target)
    return found


def _described(returned: Any) -> str:
    shape = getattr(returned, "shape", None)
    return f"an array of shape {shape}" if shape is not None else f"a {type(returned).__name__}"
