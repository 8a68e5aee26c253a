"""Rate schedules: the learning rate as a function of the share of a training that is done."""

from __future__ import annotations

import math
from dataclasses import dataclass

START = 1 / 25
"""Share of the highest rate at which `one_cycle` and a warm-up begin."""


@dataclass(frozen=True)
class RateSchedule:
    """The form of a schedule; its highest rate is given with each question."""

    name: str
    """`constant`, `step`, `cosine`, `linear` or `one_cycle`."""
    warm_up: float = 0.0
    """Share of the training in which the rate rises along a line from START of the highest, before the schedule."""
    step_every: float = 1 / 3
    """`step` lowers the rate after each such share of the training."""
    step_factor: float = 0.1
    """By which `step` multiplies the rate."""

    def at(self, peak: float, progress: float) -> float:
        """The learning rate at `progress` (0 at the first step, 1 at the end) with the highest rate `peak`.

        `constant` stays at `peak`; `linear` falls to 0 along a line, `cosine` along half a cosine (Loshchilov and
        Hutter, 2017); `one_cycle` rises from peak / 25 over the first 30 %, then falls to peak / 250,000, both along
        half a cosine (Smith and Topin, 2018; PyTorch's OneCycleLR).
        """
        if progress < self.warm_up:
            return peak * (START + (1 - START) * progress / self.warm_up)
        if self.name == "step":  # counted from the beginning of the training, as users count epochs
            return float(peak * self.step_factor ** math.floor(min(progress, 1 - 1e-9) / self.step_every + 1e-9))
        if self.warm_up:
            progress = (progress - self.warm_up) / (1 - self.warm_up) if self.warm_up < 1 else 1.0
        match self.name:
            case "constant":
                return peak
            case "linear":
                return peak * max(0.0, 1 - progress)
            case "cosine":
                return _half_cosine(peak, 0.0, progress)
        low, top = peak / 25, 0.3
        if progress < top:
            return _half_cosine(low, peak, progress / top)
        return _half_cosine(peak, low / 1e4, (progress - top) / (1 - top))


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
