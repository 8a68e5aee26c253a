"""Gradual pruning: several rounds of pruning and recovery instead of one."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from tasks.core import Spec


class Gradual(Spec):
    """A schedule that stands for `rounds` pairs of `weights` and `recover` in a branch.

    The sparsity rises along the cubic of Zhu and Gupta 2017 "To prune, or not to prune": much in the first rounds,
    little in the last. It is no technique: it has no plan of its own.

    Card: docs/techniques/gradual.md.
    """

    step: Literal["gradual"] = "gradual"
    sparsity: float = Field(default=0.8, gt=0, lt=1)
    """Share of the weights that are zero in the end."""
    rounds: int = Field(default=4, ge=1, le=100)
    """Pairs of pruning and recovery."""
    epochs: int = Field(default=1, ge=1, le=10_000)
    """Passes over the training data in each recovery."""
    spread: Literal["global", "layer"] = "global"
    """Whether all layers are ranked together or each by itself; see `weights`."""
    minimum: float = Field(default=0.01, ge=0, lt=1)
    """Smallest share of non-zero weights that any layer keeps."""
    ignore: tuple[str, ...] = ()
    """Layers, or parts of the network, that stay as they are."""


def expand_schedule(gradual: Gradual) -> tuple[dict[str, Any], ...]:
    """The steps that a schedule stands for, as a recipe writes them: `weights` and `recover` for each round."""
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
    """The sparsity after each of the rounds, rising up to `final` (Zhu and Gupta 2017, equation 1)."""
    return [final * (1 - (1 - turn / rounds) ** 3) for turn in range(1, rounds + 1)]
