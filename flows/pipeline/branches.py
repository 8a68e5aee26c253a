"""Branches: run from the baseline, step by step, to ONNX candidates; shared first steps come from the cache."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from flows.pipeline.findings import BranchResult, Role, Stage
from flows.pipeline.run_context import Job, RunContext
from tasks.compression.branch import CONTROL, AnyStep, Branch, form_of, is_training, step_title
from tasks.compression.run_step import run_step
from tasks.conversion.onnx_export import export
from tasks.core import Candidate, Prepared, Refusal
from tasks.training.distillation import DistillationSpec
from tasks.training.recovery import Recover


def control_branches(branches: Sequence[Branch]) -> list[Branch]:
    """The dense controls: for each different training budget of the branches, the baseline trained with that budget.

    A control shows what the extra training gives without compression. A budget is the sequence of a branch's training
    steps; branches without training have none.
    """
    trained = [tuple(as_recovery(step) for step in branch.steps if is_training(step)) for branch in branches]
    budgets = list(dict.fromkeys(filter(None, trained)))
    names = [CONTROL] if len(budgets) == 1 else [f"{CONTROL} {index + 1}" for index in range(len(budgets))]
    return [Branch(name=name, steps=budget) for name, budget in zip(names, budgets, strict=True)]


def as_recovery(step: DistillationSpec) -> Recover:
    """A training step's settings as a `Recover` step that always trains to the end, for use on the dense baseline."""
    knobs = step.model_fields_set & set(DistillationSpec.model_fields)
    return Recover(**step.model_dump(include=knobs))


def run_branch(branch: Branch, role: Role, run: RunContext) -> BranchResult:
    """Runs the steps of a branch in order. Each stage is also exported to ONNX, so that it can be measured.

    When a step refuses, the result has the stages before it and the reason; no `Refusal` is raised.
    """
    stages = [run.baseline]
    for step in branch.steps:
        label = f"{branch.name}: {step_title(step)}"
        try:
            stages.append(run_stage(step, stages[-1], label, run))
        except Refusal as refusal:
            return BranchResult(branch.name, role, tuple(stages), f"{step_title(step)}: {refusal}")
    named = [
        dataclasses.replace(stage, exported=dataclasses.replace(stage.exported, name=branch.name)) for stage in stages
    ]
    return BranchResult(branch.name, role, tuple(named))


def run_stage(step: AnyStep, before: Stage, label: str, run: RunContext) -> Stage:
    """Runs one step on the stage before it, and exports the result. Raises Refusal when the step refuses."""
    model = apply_step(step, before, label, run)
    return Stage(step_title(step), model, export_stage(model, label, run.prepared, run.job))


def apply_step(step: AnyStep, before: Stage, label: str, run: RunContext) -> Candidate:
    """Runs one step on the stage before it: a torch step on its model, an ONNX technique on its exported file.

    Raises:
        Refusal: the step cannot handle the model.
    """
    model = before.exported if form_of(step) == "onnx" else before.model
    return run_step(step, model, run.step_inputs, run.job.context, run.job.runner, label)


def export_stage(model: Candidate, label: str, prepared: Prepared, job: Job) -> Candidate:
    """The model exported to ONNX; a model that is an ONNX file is returned unchanged."""
    if model.form == "onnx":
        return model
    return job.runner.run(f"{label} → ONNX", export, model, prepared, job.recipe.export, job.store)
