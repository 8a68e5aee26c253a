"""Running a step: the one place that knows which verb a step of a branch calls."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.compression.branch import AnyStep, spec_of
from tasks.compression.compress import compress
from tasks.compression.fine_tuning import distill, recover
from tasks.core import Candidate, Context, Runner
from tasks.training.recovery import Recover
from tasks.training.student import Distill
from tasks.training.training_data import TrainingInputs


@dataclass(frozen=True)
class StepInputs:
    """What every step of every branch works on, beside the model that it changes."""

    baseline: Candidate
    """The teacher of all that trains."""
    training: TrainingInputs
    host: str
    """This host's name: plans that depend on the host are cached for it alone."""


def run_step(
    step: AnyStep, model: Candidate, inputs: StepInputs, context: Context, runner: Runner, label: str
) -> Candidate:
    """The candidate that a step makes of `model`, which has the form that `branch.form_of` says of the step.

    Whoever measures a latency on this node waits while a verb computes, and is let in between its batches.

    Args:
        runner: calls the verb.
        label: the step in a few words, for people.

    Raises:
        Refusal: the step cannot handle the model.
        InputError: a knob is wrong.
    """
    spec = spec_of(step)
    if isinstance(spec, Distill):
        return runner.run(label, distill, inputs.baseline, spec, inputs.training, context)
    if isinstance(spec, Recover):
        return runner.run(label, recover, model, inputs.baseline, spec, inputs.training, context)
    host = inputs.host if spec.asks_host else ""
    return runner.run(label, compress, model, spec, inputs.training.prepared, host, context.workspace)
