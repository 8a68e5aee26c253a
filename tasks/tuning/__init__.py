"""Tuning: hyperparameter search over the points of a space, one function call per trial. Only this package uses Ray."""

from tasks.tuning.trainable import TrialFunction, TrialSetup
from tasks.tuning.tuner import tune

__all__ = ["TrialFunction", "TrialSetup", "tune"]
