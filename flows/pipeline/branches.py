"""Branches: from the baseline, step by step, to ONNX candidates; prefixes that branches share are computed once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from flows.pipeline.findings import BranchResult, Role, Stage
from flows.recipe.schema import Recipe
from tasks.compression.branch import CONTROL, AnyStep, Branch, is_training, step_title
from tasks.core import Candidate, Prepared, Refusal, Workspace
from tasks.steps import definitions
from tasks.steps.runner import Call
from tasks.techniques import Plugin
from tasks.training.distillation import DistillationSpec
from tasks.training.recovery import Recover
from tasks.training.student import Distill


@dataclass
class RunContext:
    """What every branch works with."""

    recipe: Recipe
    prepared: Prepared
    baseline: Stage
    host: str
    workspace: Workspace
    call: Call


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


def run_branch(branch: Branch, role: Role, bench: RunContext) -> BranchResult:
    """Takes the steps of a branch one after the other; each stage is also exported, so that it can be measured."""
    stages = [bench.baseline]
    for step in branch.steps:
        label = f"{branch.name}: {step_title(step)}"
        try:
            stages.append(run_stage(step, stages[-1], label, bench))
        except Refusal as refusal:
            return BranchResult(branch.name, role, tuple(stages), f"{step_title(step)}: {refusal}")
    named = [
        dataclasses.replace(stage, exported=dataclasses.replace(stage.exported, name=branch.name)) for stage in stages
    ]
    return BranchResult(branch.name, role, tuple(named))


def run_stage(step: AnyStep, before: Stage, label: str, bench: RunContext) -> Stage:
    """One step on the last stage, and its export."""
    model = act(step, before, label, bench)
    return Stage(step_title(step), model, export_stage(model, label, bench))


def act(step: AnyStep, before: Stage, label: str, bench: RunContext) -> Candidate:
    """One step on the last stage; an ONNX technique acts on the stage's exported file."""
    workspace, prepared = bench.workspace, bench.prepared
    found: Candidate
    if isinstance(step, DistillationSpec):
        arguments = (step, prepared, bench.recipe.augment, bench.recipe.goal.metric, workspace)
        if isinstance(step, Distill):
            found = bench.call(label, definitions.distill, bench.baseline.model, *arguments)
        else:
            found = bench.call(label, definitions.recover, before.model, bench.baseline.model, *arguments)
    else:
        technique = step.technique() if isinstance(step, Plugin) else step
        parent = before.exported if technique.form == "onnx" else before.model
        host = bench.host if technique.asks_host else ""
        found = bench.call(label, definitions.compress, parent, technique, prepared, host, workspace)
    return found


def export_stage(model: Candidate, label: str, bench: RunContext) -> Candidate:
    """The model as an ONNX candidate."""
    if model.form == "onnx":
        return model
    exported: Candidate = bench.call(
        f"{label} → ONNX", definitions.export, model, bench.prepared, bench.recipe.export, bench.workspace
    )
    return exported
