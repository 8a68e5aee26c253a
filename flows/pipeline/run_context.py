"""Run context: the records that the functions of the main job pass to one another."""

from __future__ import annotations

from dataclasses import dataclass

from flows.pipeline.findings import Stage
from flows.recipe.schema import Recipe
from tasks.compression.host_costs import TimingHost
from tasks.compression.run_step import StepInputs
from tasks.core import Context, Prepared, Runner, Store
from tasks.data.preprocessing import column_steps
from tasks.evaluation.engines import timing_runtime
from tasks.evaluation.metric_choice import metric_spec
from tasks.training.training_data import TrainingInputs


@dataclass(frozen=True)
class Job:
    """A recipe, the context in which its steps work, and the runner that calls them."""

    recipe: Recipe
    context: Context
    runner: Runner

    @property
    def store(self) -> Store:
        """The workspace's store."""
        return self.context.store

    def inputs(self, prepared: Prepared) -> TrainingInputs:
        """The inputs of every training of the recipe."""
        return TrainingInputs(prepared, self.recipe.augment, metric_spec(self.recipe.goal, prepared.dataset))


@dataclass(frozen=True)
class RunContext:
    """What all branches of a job have in common."""

    job: Job
    prepared: Prepared
    baseline: Stage
    host: str
    """Name of this host (`machine.host_name`)."""

    @property
    def recipe(self) -> Recipe:
        """The job's recipe."""
        return self.job.recipe

    @property
    def step_inputs(self) -> StepInputs:
        """The inputs of every step of a branch, beside its model."""
        columns = column_steps(self.recipe.preprocess)
        host = TimingHost(self.host, timing_runtime(self.recipe.runtime))
        return StepInputs(self.baseline.model, self.job.inputs(self.prepared), host, self.recipe.goal, columns)
