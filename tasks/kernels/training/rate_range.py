"""Rate range: the learning-rate range test, a hundred steps of growing rate that find a training's highest rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tasks.kernels.training import loops

LOWEST, HIGHEST, STEPS = 1e-6, 10.0, 100
EXPLODED = 4.0
"""The test ends where the smoothed loss is this multiple of its lowest value."""
SMOOTHING = 0.9
"""Weight of the past in the smoothed loss."""


@dataclass(frozen=True)
class RateRange:
    """A learning-rate range test (Smith, "Cyclical Learning Rates for Training Neural Networks", 2017)."""

    rates: tuple[float, ...]
    """One for each step, growing by a constant factor."""
    losses: tuple[float, ...]
    """The smoothed training loss after each of these steps."""
    chosen: float
    """Two digits of the rate that was chosen."""


class _Exploded(Exception):  # noqa: N818 - it is an end, not a fault
    pass


def sweep_rates(
    model: nn.Module,
    examples: loops.BatchSource,
    batches: Sequence[Tensor],
    optimizer: torch.optim.Optimizer,
    objective: loops.Objective,
) -> RateRange | None:
    """Trains `model`, in place, for STEPS steps with rates from LOWEST to HIGHEST, going round the batches.

    Returns None where the loss is not finite from the first steps on, or never falls. The caller restores the weights.
    """
    rates = [LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1)) for step in range(STEPS)]
    losses: list[float] = []
    mean = 0.0

    def recorded(network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        nonlocal mean
        loss = objective(network, inputs, targets)
        mean = SMOOTHING * mean + (1 - SMOOTHING) * float(loss.detach())
        smoothed = mean / (1 - SMOOTHING ** (len(losses) + 1))
        if not math.isfinite(smoothed) or (losses and smoothed > EXPLODED * min(losses)):
            raise _Exploded
        losses.append(smoothed)
        return loss

    turns = [batches[step % len(batches)] for step in range(STEPS)]
    try:
        loops.train_epoch(model, examples, turns, optimizer, objective=recorded, rate=lambda step: rates[step])
    except _Exploded:
        rates = rates[: len(losses)]
    chosen = choose_rate(rates, losses)
    return None if chosen is None else RateRange(tuple(rates), tuple(losses), chosen)


def choose_rate(rates: Sequence[float], losses: Sequence[float]) -> float | None:
    """A tenth of the rate with the lowest smoothed loss, in two digits; None where no later loss is below the first."""
    if not losses or min(losses) >= losses[0]:
        return None
    return float(f"{rates[losses.index(min(losses))] / 10:.2g}")
