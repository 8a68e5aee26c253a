"""Explained variation: how much of the variation of the score each setting explains, in a fitted additive model."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from tasks.study.design import Design
from tasks.study.effects import Measured

SEEDS = "the seeds"
"""What stands for the variation that no setting explains."""


def explain_score(design: Design, measured: Sequence[Measured]) -> dict[str, float]:
    """Setting → the share of the variation of the score that it explains; SEEDS has the rest. They sum to 1.

    The score is taken for a sum: that of the reference, an effect of the level of each setting, and noise. Effects are
    fitted by least squares, which in a design of one setting at a time are the mean differences from the reference.
    The variance of a setting's effects over its levels, less what noise adds to it, is what it explains where all
    levels are as likely (a first-order index of Sobol' 1993).

    Args:
        design: a table whose cells change one setting each.
        measured: its measurements. Without two seeds of every cell, or without any variation, the answer is empty.
    """
    by_cell = {cell.name: scores_of(cell.name, measured) for cell in design.cells}
    reference = by_cell[design.reference.name]
    levels: dict[str, list[float]] = {}
    for cell in design.cells[1:]:
        both = by_cell[cell.name].keys() & reference.keys()
        if not both or len(cell.values) != 1:
            continue
        differences = [by_cell[cell.name][seed] - reference[seed] for seed in sorted(both)]
        levels.setdefault(setting_name(next(iter(cell.values))), [0.0]).append(statistics.mean(differences))
    spreads = [statistics.variance(found.values()) for found in by_cell.values() if len(found) > 1]
    if not levels or not spreads:
        return {}
    noise = statistics.mean(spreads)
    seeds = min(len(found) for found in by_cell.values() if found)
    parts = {name: variance_of(effects, noise / seeds) for name, effects in levels.items()}
    total = sum(parts.values()) + noise
    return {name: each / total for name, each in {**parts, SEEDS: noise}.items()} if total else {}


def scores_of(cell: str, measured: Sequence[Measured]) -> Mapping[int, float]:
    """Seed → score of a cell."""
    return {each.seed: each.score for each in measured if each.cell == cell and each.score is not None}


def variance_of(effects: Sequence[float], noise: float) -> float:
    """The variance of effects over their levels, less what the noise of each adds to it; at least 0."""
    return max(0.0, statistics.pvariance(effects) - noise * (len(effects) - 1) / len(effects))


def setting_name(path: str) -> str:
    """A setting as a reader calls it: `learning rate`."""
    return path.rpartition(".")[2].replace("_", " ")


def shares_text(shares: Mapping[str, float]) -> str:
    """The shares in a sentence, the largest first; empty for none."""
    ordered = sorted(shares.items(), key=lambda pair: -pair[1])
    told = ", ".join(f"{name} {share:.0%}" for name, share in ordered)
    return f"of the variation of the score, {told}" if told else ""
