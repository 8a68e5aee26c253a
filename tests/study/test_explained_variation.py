"""The share of the variation of the score that each setting explains."""

from __future__ import annotations

import pytest

from tasks.study.design import Cell, Design
from tasks.study.effects import Measured
from tasks.study.explained_variation import SEEDS, explain_score, shares_text

CELLS = (
    Cell("as it is"),
    Cell("low rate", {"train.learning_rate": 0.001}),
    Cell("high rate", {"train.learning_rate": 0.1}),
    Cell("small batch", {"train.batch_size": 8}),
)
DESIGN = Design("hyperparameters", "Hyperparameters", "?", "one at a time", "the rest", CELLS)
NOISE = (0.0, 0.01, -0.01)


def measured(effects: dict[str, float], noise: tuple[float, ...] = NOISE) -> list[Measured]:
    """Scores of 0.8, plus a cell's effect and a seed's noise, which differs from cell to cell."""
    return [
        Measured(cell.name, seed, 0.8 + effects.get(cell.name, 0.0) + noise[(seed + place) % len(noise)])
        for place, cell in enumerate(CELLS)
        for seed in range(len(noise))
    ]


def test_the_setting_that_moves_the_score_explains_its_variation() -> None:
    shares = explain_score(DESIGN, measured({"low rate": -0.3, "high rate": -0.1}))
    # Effects 0, -0.3 and -0.1 have the variance 0.01556; one seed's noise has 0.0001.
    assert shares["learning rate"] == pytest.approx(0.0155 / 0.0156, abs=0.002)
    assert shares["batch size"] == 0.0
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares_text(shares).startswith("of the variation of the score, learning rate 99%")


def test_without_effects_the_seeds_explain_all() -> None:
    assert explain_score(DESIGN, measured({}))[SEEDS] == pytest.approx(1.0)


def test_nothing_is_explained_by_one_seed_or_without_variation() -> None:
    assert explain_score(DESIGN, measured({"low rate": -0.3}, (0.0,))) == {}
    assert explain_score(DESIGN, measured({}, (0.0, 0.0, 0.0))) == {}
