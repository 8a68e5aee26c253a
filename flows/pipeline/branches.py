"""Branches: from the baseline, step by step, to ONNX candidates; prefixes that branches share are computed once."""

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


def controls(branches: Sequence[Branch]) -> list[Branch]:
    """For every budget of training among the branches, the dense baseline trained on with the same budget."""
    trained = [tuple(budget(step) for step in branch.steps if is_training(step)) for branch in branches]
    budgets = list(dict.fromkeys(filter(None, trained)))
    names = [CONTROL] if len(budgets) == 1 else [f"{CONTROL} {index + 1}" for index in range(len(budgets))]
    return [Branch(name=name, steps=budget) for name, budget in zip(names, budgets, strict=True)]


def budget(step: DistillationSpec) -> Recover:
    """The training of a step, as a recovery of the dense baseline that spends all of it."""
    knobs = step.model_fields_set & set(DistillationSpec.model_fields)
    return Recover(**step.model_dump(include=knobs))


def run_branch(branch: Branch, role: Role, run: RunContext) -> BranchResult:
    """Takes the steps of a branch one after the other; each stage is also exported, so that it can be measured."""
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
    """One step on the last stage, and its export."""
    model = act(step, before, label, run)
    return Stage(step_title(step), model, export_stage(model, label, run.prepared, run.job))


def act(step: AnyStep, before: Stage, label: str, run: RunContext) -> Candidate:
    """One step on the last stage; an ONNX technique acts on the stage's exported file."""
    model = before.exported if form_of(step) == "onnx" else before.model
    return run_step(step, model, run.step_inputs, run.job.context, run.job.runner, label)


def export_stage(model: Candidate, label: str, prepared: Prepared, job: Job) -> Candidate:
    """The model as an ONNX candidate."""
    if model.form == "onnx":
        return model
    return job.runner.run(f"{label} → ONNX", export, model, prepared, job.recipe.export, job.store)
