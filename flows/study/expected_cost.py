"""Expected cost: what one seed of each table should take on this machine, before anything is measured."""

from __future__ import annotations

import time
from collections.abc import Sequence

from flows.study.study_context import Study
from tasks.models.factory import build_network, complete_factory
from tasks.study.design import Cell, Design

SIMPLE = 5.0
"""Seconds that the fit of a simple model is taken for."""
FILE = 2.0
"""Seconds for scoring a file."""
TIMED = 8.0
"""Seconds more where its latency is measured."""
STEP = 10.0
"""Seconds for a technique."""


def expected_seconds(designs: Sequence[Design], study: Study) -> dict[str, float]:
    """Table → seconds of its first round: its trainings, and the measurement of its files."""
    training = training_cost(study)
    return {each.name: sum(cell_cost(cell, each, training) for cell in each.cells) for each in designs}


def cell_cost(cell: Cell, design: Design, training: float) -> float:
    """Seconds of one cell with one seed."""
    options = len(cell.options)
    steps = sum(training / 3 if step["step"] in ("recover", "distill") else STEP for step in cell.steps)
    seconds = training * (1 + options) * cell.train_share + steps
    return seconds + FILE + (TIMED if design.cost == "latency" else 0.0)


def training_cost(study: Study) -> float:
    """Seconds of the recipe's training at most, from a few steps of its network; SIMPLE of a simple model."""
    import torch

    recipe, prepared = study.recipe, study.prepared
    if recipe.model.is_simple:
        return SIMPLE
    if recipe.model.is_trained or recipe.model.networks is not None:
        return FILE
    network = build_network(*complete_factory(recipe.model, prepared))
    count = prepared.dataset.splits["train"].count
    size = min(recipe.train.batch_size, count)
    batch = torch.zeros(size, *prepared.input_shape)
    network.train()
    seconds = 0.0
    for _ in range(3):  # the first one is slower
        started = time.perf_counter()
        network(batch).square().mean().backward()
        seconds = time.perf_counter() - started
    limit = 60 * recipe.train.minutes if recipe.train.minutes else float("inf")
    return min(limit, 1.3 * seconds / size * count * recipe.train.epochs)
