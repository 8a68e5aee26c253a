"""Tuning: a search over the points of a space, whose trials are plain callables. The only code that knows Ray."""

from tasks.tuning.trainable import TrialFunction, TrialSetup
from tasks.tuning.tuner import tune

__all__ = ["TrialFunction", "TrialSetup", "tune"]
