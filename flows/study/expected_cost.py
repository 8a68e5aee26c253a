"""Expected cost: what the rounds of each table should take on this machine, before anything is measured."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.recipe.schema import Recipe
from flows.study.cells.cell_measurement import has_search
from flows.study.cells.made_cell import recipe_with
from flows.study.cells.second_process import is_of_use, threads_of_each
from flows.study.study_context import Study, changed_values
from tasks.core import InputError, digest_of
from tasks.models.factory import build_network, complete_factory
from tasks.study.design import Cell, Design
from tasks.training.simple.folds import LEAST
from tasks.training.timing.training_timing import EPOCHS, EXAMPLES, TURNS

FIT, ROWS = 2.0, 5_000
"""Seconds of a simple model's fit: so many, and one more for so many rows."""
FILE = 2.0
"""Seconds to export a network and to score its file."""
TIMED = 1.5
"""Seconds more where its latency is measured."""
STEP = 1.5
"""Seconds of a technique."""
PROCESS = 6.0
"""Seconds until a process trains, where the training itself is timed."""
BATCHES = 5
"""Batches that are timed."""
TOGETHER = 0.6
"""A round's seconds with a second process over those of its settings one after the other."""
OVERHEAD = 1.3
"""An epoch's seconds over those of its steps: with its data and with validation."""


@dataclass(frozen=True)
class RoundCost:
    """What one seed of all settings of a table takes, in seconds."""

    first: float
    """With what is found once: the best option of a setting, and rows that look mislabelled."""
    further: float


@dataclass
class Costs:
    """Expected seconds of trainings; a network is timed once."""

    study: Study
    known: dict[str, float] = field(default_factory=dict)
    """Digest of a network → its seconds for one example."""

    def training(self, recipe: Recipe) -> float:
        """Seconds of a recipe's training at most."""
        count, model = self.study.prepared.dataset.splits["train"].count, recipe.model
        if model.is_simple:
            return FIT + count / ROWS
        if (model.is_trained and not model.further) or model.networks is not None:
            return FILE
        limit = 60 * recipe.train.minutes if recipe.train.minutes else float("inf")
        return min(limit, OVERHEAD * self.example(recipe) * count * recipe.train.epochs)

    def example(self, recipe: Recipe) -> float:
        """Seconds of a training step for one example."""
        key = digest_of([recipe.model.model_dump(mode="json"), recipe.train.batch_size])
        if key not in self.known:
            self.known[key] = time_example(recipe, self.study)
        return self.known[key]

    def table(self, design: Design) -> RoundCost:
        """Seconds of all settings with one seed; settings that differ in their steps alone share one training."""
        first, further, made = 0.0, 0.0, set[str]()
        for cell in design.cells:
            key = digest_of([json.loads(json.dumps([cell.values, cell.train_share], default=dict)), len(cell.options)])
            cost = self.cell(cell, design, key in made and not cell.without_suspects)
            first, further = first + cost.first, further + cost.further
            made.add(key)
        is_shared = design.kind != "speed" and is_of_use(self.study) and not any(map(has_search, design.cells))
        factor = TOGETHER if is_shared else 1.0
        return RoundCost(factor * first, factor * further)

    def cell(self, cell: Cell, design: Design, is_made: bool) -> RoundCost:
        """Seconds of one setting with one seed; with `is_made` its training is counted already."""
        recipe = self.recipe_of(cell)
        training = self.training(recipe) * cell.train_share
        if design.kind == "speed":
            count = min(EXAMPLES, self.study.prepared.dataset.splits["train"].count)
            work = 0.0 if recipe.model.is_simple else self.example(recipe) * count * EPOCHS
            seconds = PROCESS + (1 + TURNS) * (work or training)
            return RoundCost(seconds, seconds)
        seconds = 0.0 if is_made else training + FILE + self.search(recipe, training)
        seconds += TIMED if design.cost == "latency" else 0.0
        seconds += sum(self.step(step, recipe, training) for step in cell.steps)
        once = len(cell.options) * (training + FILE) + (LEAST * (training + FILE) if cell.without_suspects else 0.0)
        return RoundCost(seconds + once, seconds)

    def recipe_of(self, cell: Cell) -> Recipe:
        """The recipe of a setting; the study's own where it does not take the setting's values."""
        try:
            return recipe_with(self.study.recipe, changed_values(cell, 0 if cell.options else None), 0)
        except InputError:
            return self.study.recipe

    def search(self, recipe: Recipe, training: float) -> float:
        """Seconds of the recipe's search; 0 without one."""
        search, epochs = recipe.search, recipe.train.epochs
        if search is None:
            return 0.0
        trial = training if recipe.model.is_simple else training * min(search.epochs or epochs, epochs) / epochs
        return (search.count or 0) * trial

    def step(self, step: Mapping[str, Any], recipe: Recipe, training: float) -> float:
        """Seconds of a step after the baseline, with the file that it makes."""
        if step["step"] not in ("recover", "distill"):
            return STEP
        if step.get("minutes"):
            return 60 * float(step["minutes"]) + FILE
        return OVERHEAD * training * float(step.get("epochs", 1)) / recipe.train.epochs + FILE


def expected_seconds(designs: Sequence[Design], study: Study) -> dict[str, float]:
    """Table → seconds of its first round: its trainings, and the measurement of its files."""
    return {name: cost.first for name, cost in expected_rounds(designs, study).items()}


def expected_rounds(designs: Sequence[Design], study: Study) -> dict[str, RoundCost]:
    """Table → what its rounds take, if nothing of them is known yet."""
    costs = Costs(study)
    return {design.name: costs.table(design) for design in designs}


def time_example(recipe: Recipe, study: Study) -> float:
    """Seconds of a training step for one example, from the fastest of BATCHES batches of zeros after a first one.

    It is the processor's time over the threads, so that other work on the machine does not count. The threads are as
    many as the study's trainings have.
    """
    import torch

    prepared = study.prepared
    try:
        network = build_network(*complete_factory(recipe.model, prepared))
    except InputError:
        return 0.0  # measuring it says why
    size = min(recipe.train.batch_size, prepared.dataset.splits["train"].count)
    batch, seconds = torch.zeros(size, *prepared.input_shape), list[float]()
    network.train()
    before = torch.get_num_threads()
    threads = threads_of_each() if is_of_use(study) else before
    torch.set_num_threads(threads)
    try:
        for _ in range(1 + BATCHES):
            started = time.process_time()
            network(batch).square().mean().backward()
            seconds.append(time.process_time() - started)
    finally:
        torch.set_num_threads(before)
    return min(seconds[1:]) / size / threads
