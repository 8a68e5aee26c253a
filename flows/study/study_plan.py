"""Study plan: which tables a study will make, which it leaves out, and how long each takes; nothing is trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.pipeline.run_context import Job
from flows.pipeline.simple.tournament import ENTRANTS
from flows.recipe.schema import Recipe
from flows.recipe.source_checks import check_sources
from flows.study.expected_cost import RoundCost, expected_rounds
from flows.study.study_context import read_study, study_of
from flows.study.study_job import check_budget, design_study
from tasks.core import Context, PlainRunner, Workspace
from tasks.study.budget import TableState, next_table
from tasks.study.design import Design, UnsuitedTable
from tasks.study.study_spec import StudySpec

STAND_IN = ENTRANTS[1].family
"""The family for which tables are designed where a tournament chooses one only when the study begins."""


@dataclass(frozen=True)
class StudyPlan:
    """What a study will do."""

    recipe: Recipe
    designs: tuple[Design, ...]
    left_out: tuple[UnsuitedTable, ...]
    costs: Mapping[str, RoundCost]
    """Table → what its rounds should take."""
    seeds: Mapping[str, int]
    """Table → seeds that the budget has time for, if its verdict stays open; 0 where it has none."""
    later: str = ""
    """What is decided only when the study begins; else empty."""

    def seconds_of(self, table: str) -> float:
        """Expected seconds until a table has the seeds that a verdict needs."""
        return self.costs[table].first + (self.recipe.study.seeds - 1) * self.costs[table].further


def plan_study(recipe: Recipe, workspace: Workspace) -> StudyPlan:
    """Reads the data, designs the tables, and times a few steps of the training.

    Raises:
        InputError: as `run_study` raises it before it trains.
    """
    check_sources(recipe)
    job, prepared = read_study(Job(recipe, Context(workspace), PlainRunner()))
    later = ""
    if job.recipe.model.family == "auto":
        model = job.recipe.model.model_copy(update={"family": STAND_IN})
        job = dataclasses.replace(job, recipe=job.recipe.model_copy(update={"model": model}))
        later = f"a tournament chooses the family when the study begins; the tables here are those of {STAND_IN}"
    study = study_of(job, prepared)
    designs, left_out = design_study(study)
    costs = expected_rounds(designs, study)
    check_budget(recipe, designs, {name: cost.first for name, cost in costs.items()})
    return StudyPlan(recipe, designs, left_out, costs, expected_seeds(designs, costs, recipe.study), later)


def expected_seeds(designs: Sequence[Design], costs: Mapping[str, RoundCost], spec: StudySpec) -> dict[str, int]:
    """The seeds that each table gets, if every round takes its expected time and every verdict stays open."""
    seeds, left = {each.name: 0 for each in designs}, 60 * spec.minutes
    while True:
        rounds = {name: costs[name].further if count else costs[name].first for name, count in seeds.items()}
        states = [TableState(each.name, seeds[each.name], len(each.cells) - 1, rounds[each.name]) for each in designs]
        name = next_table(states, left, spec.seeds, spec.most_seeds)
        if name is None:
            return {str(each): count for each, count in seeds.items()}
        found = next(each.name for each in designs if each.name == name)
        seeds[found] += 1
        left -= rounds[found]
