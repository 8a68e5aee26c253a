"""Gradual pruning: rounds of pruning and recovery instead of one deep cut."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from tasks.core import Spec


class Gradual(Spec):
    """A schedule, no technique: it stands for `rounds` pairs of `weights` and `recover` in a branch.

    The sparsities rise along Zhu and Gupta's cubic ("To prune, or not to prune", 2017): much in the first
    rounds, little in the last.
    """

    step: Literal["gradual"] = "gradual"
    sparsity: float = Field(default=0.8, gt=0, lt=1)
    """Share of the weights that are zero in the end."""
    rounds: int = Field(default=4, ge=1, le=100)
    """Pairs of pruning and recovery."""
    epochs: int = Field(default=1, ge=1, le=10_000)
    """Passes over the training data in each recovery."""
    spread: Literal["global", "layer"] = "global"
    """As in `weights`."""
    minimum: float = Field(default=0.01, ge=0, lt=1)
    """As in `weights`."""
    ignore: tuple[str, ...] = ()
    """As in `weights`."""


def expand_schedule(gradual: Gradual) -> tuple[dict[str, Any], ...]:
    """The steps that a schedule stands for: a prune and a recovery for each round."""
    shared = gradual.model_dump(mode="json", include={"spread", "minimum", "ignore"}, exclude_unset=True)
    return tuple(
        step
        for sparsity in cubic(gradual.sparsity, gradual.rounds)
        for step in (
            {"step": "weights", "sparsity": round(sparsity, 6), **shared},
            {"step": "recover", "epochs": gradual.epochs},
        )
    )


def cubic(final: float, rounds: int) -> list[float]:
    """The sparsities of so many rounds, from 0 up to `final` (Zhu and Gupta 2017, equation 1)."""
    return [final * (1 - (1 - turn / rounds) ** 3) for turn in range(1, rounds + 1)]
