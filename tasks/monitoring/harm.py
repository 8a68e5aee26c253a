"""Harm: whether the champion's loss on new rows exceeds that of its reference by more than is tolerated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.core import InputError
from tasks.kernels.statistics.mean_sequence import MeanSequence, begin_sequence
from tasks.monitoring.monitor_spec import Level, MonitorSpec
from tasks.monitoring.reference_profile import LossReference

if TYPE_CHECKING:
    from tasks.kernels.statistics.metrics import Metric

LIKELY = 0.2
"""The chance of being wrong at which harm is worth a warning."""
SHARE = 0.1
"""What is tolerated of the reference's loss where the recipe does not say."""


@dataclass(frozen=True)
class HarmLook:
    """What the labels that came so far say of the loss. Losses are in their own unit, each at most the cap."""

    level: Level
    sentence: str
    n: int
    """Rows with labels since the champion became one."""
    mean: float
    """Their mean loss."""
    lower: float
    """Above this was the mean loss at some time, at half of alpha; 0 before anything is known."""
    reference: float
    """The reference's mean loss."""
    threshold: float
    """What is tolerated: the upper bound of the reference's loss, at the other half of alpha, and the tolerance."""
    p_value: float
    """The least alpha, of the sequence alone, at which the loss is too high."""


def row_losses(metric: Metric, outputs: NDArray[np.generic], targets: NDArray[np.generic]) -> NDArray[np.float64]:
    """The loss of each row (n,) that a monitor watches: those whose mean makes the metric.

    Where none do, as of ROC AUC, the log losses of classes and the squared errors of numbers. Of accuracy, mistakes.

    Args:
        metric: of the goal.
        outputs: logits (n, classes), or predictions (n, 1) or (n,).
        targets: class indices, or numbers, (n,).
    """
    from tasks.kernels.statistics.metrics import errors, log_losses

    if metric.losses is not None:
        return metric.losses(outputs, targets)
    return log_losses(outputs, targets) if metric.task == "classification" else errors(outputs, targets) ** 2


def begin_harm(reference: LossReference, spec: MonitorSpec) -> MeanSequence:
    """A sequence that has seen no loss yet, for losses over the cap.

    Raises:
        InputError: the tolerance is so large, or the reference so small, that no loss would exceed it.
    """
    place = threshold_of(reference, spec) / reference.cap
    room = reference.cap - reference.upper(spec.alpha / 2)
    if room <= 0:
        raise InputError(f"the champion's reference needs more rows with labels than {reference.n} to tell harm")
    if place >= 1:
        law = f"must be less than {room:.4g}, or no loss would exceed it"
        raise InputError(law, path="monitor.tolerance", value=spec.tolerance)
    return begin_sequence(place)


def threshold_of(reference: LossReference, spec: MonitorSpec) -> float:
    """The mean loss that is tolerated. Half of alpha is spent on what the reference's mean may truly be."""
    return reference.upper(spec.alpha / 2) + tolerance_of(reference, spec)


def tolerance_of(reference: LossReference, spec: MonitorSpec) -> float:
    """By how much the mean loss may exceed the reference's: what the recipe says, or SHARE of the reference's."""
    return SHARE * reference.mean if spec.tolerance is None else spec.tolerance


def shares_of_cap(losses: NDArray[np.generic], reference: LossReference) -> NDArray[np.float64]:
    """Losses (n,) over the cap, at most 1.

    Raises:
        InputError: a loss is negative or no number.
    """
    values = np.asarray(losses, np.float64)
    if not (values >= 0).all():
        raise InputError("losses must be numbers, none below 0")
    return np.minimum(values, reference.cap) / reference.cap


def look_for_harm(sequence: MeanSequence, reference: LossReference, spec: MonitorSpec) -> HarmLook:
    """What a sequence of `shares_of_cap` says: act where harm is proven, warn where it is likely (LIKELY)."""
    threshold = threshold_of(reference, spec)
    found = sequence.p_value(threshold / reference.cap)
    lower, mean = (reference.cap * value for value in (sequence.lower(spec.alpha / 2), sequence.mean))
    level: Level = "act" if found <= spec.alpha / 2 else "warn" if found <= LIKELY else "fine"
    sentence = _sentence(level, sequence.n, mean, threshold)
    return HarmLook(level, sentence, sequence.n, mean, lower, reference.mean, threshold, found)


def _sentence(level: Level, n: int, mean: float, threshold: float) -> str:
    if not n:
        return "no labels yet: whether the champion does harm is not known"
    what = f"mean loss {mean:.4g} over {n:,} rows"
    if level == "act":
        return f"proven: the loss has risen above the {threshold:.4g} that are tolerated; {what}"
    if level == "warn":
        return f"likely, but not proven: the loss has risen above the {threshold:.4g} that are tolerated; {what}"
    return f"no sign that the loss is above the {threshold:.4g} that are tolerated; {what}"
