"""Tuning: a search over points of a space, whose trials are plain callables. The only code that knows Ray."""

from tasks.search.results import BOUND, EXCESS, Known, Progress, Trial, Tuned, best_point, summarize_trials
from tasks.tuning.trainable import TrialContext, TrialFunction
from tasks.tuning.tuner import tune

__all__ = [
    "BOUND",
    "EXCESS",
    "Known",
    "Progress",
    "Trial",
    "TrialContext",
    "TrialFunction",
    "Tuned",
    "best_point",
    "summarize_trials",
    "tune",
]  # fmt: skip
