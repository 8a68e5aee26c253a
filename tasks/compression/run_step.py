"""Step execution: calls the function (verb) that executes a step of a branch."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.compression.branch import AnyStep, spec_of
from tasks.compression.compress import compress
from tasks.compression.fine_tuning import distill, recover
from tasks.compression.host_costs import TimingHost
from tasks.compression.simple_fit import FitInputs, run_fit
from tasks.core import Candidate, Context, Goal, Runner
from tasks.data.tables.column_steps import ColumnStep
from tasks.training.recovery import Recover
from tasks.training.simple.ensemble_spec import Ensemble
from tasks.training.simple.fit_spec import Fit
from tasks.training.student import Distill
from tasks.training.training_data import TrainingInputs


@dataclass(frozen=True)
class StepInputs:
    """The inputs that all steps of all branches have in common."""

    baseline: Candidate
    """The teacher in recovery and distillation."""
    training: TrainingInputs
    host: TimingHost
    """Where techniques time their variants: results that depend on it are cached for this host and engine alone."""
    goal: Goal
    """Completes the knobs that a technique leaves to the goal."""
    columns: tuple[ColumnStep, ...] = ()
    """The recipe's steps for columns, which a fit of a simple model takes."""


def run_step(
    step: AnyStep, model: Candidate, inputs: StepInputs, context: Context, runner: Runner, label: str
) -> Candidate:
    """Executes a step of a branch and returns the new candidate.

    A latency measurement on this machine waits while the step computes; it may run between two of its batches.

    Args:
        step: the step.
        model: the candidate to which it is applied, of the form `branch.form_of(step)`; `distill`, `fit` and `ensemble`
            begin anew.
        inputs: the baseline, the data, the host and the goal.
        context: the workspace, the checkpoint and the progress callback.
        runner: calls the verb.
        label: the step in a few words, for display.

    Raises:
        Refusal: the step cannot handle the model.
        InputError: a knob is wrong.
    """
    spec = spec_of(step)
    if isinstance(spec, Fit | Ensemble):
        common = FitInputs(inputs.training.prepared, inputs.columns, context, runner)
        return run_fit(spec, common, label, inputs.baseline)
    if isinstance(spec, Distill):
        return runner.run(label, distill, inputs.baseline, spec, inputs.training, context)
    if isinstance(spec, Recover):
        return runner.run(label, recover, model, inputs.baseline, spec, inputs.training, context)
    host = inputs.host if spec.asks_host else None
    return runner.run(
        label, compress, model, spec.for_goal(inputs.goal), inputs.training.prepared, host, context.workspace
    )
