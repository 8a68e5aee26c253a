"""What the functions of the main job hand to one another."""

from __future__ import annotations

from dataclasses import dataclass

from flows.pipeline.findings import Stage
from flows.recipe.schema import Recipe
from tasks.compression.run_step import StepInputs
from tasks.core import Context, Prepared, Runner, Store
from tasks.training.training_data import TrainingInputs


@dataclass(frozen=True)
class Job:
    """A recipe, where its steps work, and what calls them."""

    recipe: Recipe
    context: Context
    runner: Runner

    @property
    def store(self) -> Store:
        """The workspace's store."""
        return self.context.store

    def inputs(self, prepared: Prepared) -> TrainingInputs:
        """What every training of the recipe works on."""
        return TrainingInputs(prepared, self.recipe.augment, self.recipe.goal.metric)


@dataclass(frozen=True)
class RunContext:
    """What every branch of a job works with."""

    job: Job
    prepared: Prepared
    baseline: Stage
    host: str

    @property
    def recipe(self) -> Recipe:
        """The job's recipe."""
        return self.job.recipe

    @property
    def step_inputs(self) -> StepInputs:
        """What every step works on."""
        return StepInputs(self.baseline.model, self.job.inputs(self.prepared), self.host)
