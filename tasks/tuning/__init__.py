"""Tuning: a search over points of a space, whose trials are plain callables. The only code that knows Ray."""

from tasks.tuning.desk import Desk, TrialFunction
from tasks.tuning.results import BOUND, EXCESS, Known, Progress, Trial, Tuned, best_point, summarize
from tasks.tuning.running import tune

__all__ = [
    "BOUND", "EXCESS", "Desk", "Known", "Progress", "Trial", "TrialFunction", "Tuned", "best_point", "summarize",
    "tune",
]  # fmt: skip
