"""Branches: from the baseline, step by step, to ONNX candidates; prefixes that branches share are computed once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from flows.execution import Call
from flows.recipe import Recipe
from tasks import steps
from tasks.artifacts import Candidate, Prepared, Refusal, Workspace
from tasks.branch import CONTROL, AnyStep, Branch, is_training, title
from tasks.distillation import Recover, Teaching
from tasks.students import Distill
from tasks.techniques import Plugin

Role = Literal["baseline", "candidate", "control"]


@dataclass(frozen=True)
class Stage:
    """The model after one step of a branch, as it is and as an ONNX file."""

    label: str
    model: Candidate
    exported: Candidate


@dataclass(frozen=True)
class Line:
    """One row of the final table: the way from the baseline to a candidate, or to the refusal on the way."""

    name: str
    role: Role
    stages: tuple[Stage, ...]
    refusal: str | None = None

    @property
    def product(self) -> Candidate | None:
        """The ONNX candidate at the end; None when a step refused."""
        return None if self.refusal else self.stages[-1].exported


@dataclass
class Bench:
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


def budget(step: Teaching) -> Recover:
    """The training of a step, as a recovery of the dense baseline that spends all of it."""
    knobs = step.model_fields_set & set(Teaching.model_fields)
    return Recover(**step.model_dump(include=knobs))


def walk(branch: Branch, role: Role, bench: Bench) -> Line:
    """Takes the steps of a branch one after the other; each stage is also exported, so that it can be measured."""
    stages = [bench.baseline]
    for step in branch.steps:
        label = f"{branch.name}: {title(step)}"
        try:
            stages.append(take(step, stages[-1], label, bench))
        except Refusal as refusal:
            return Line(branch.name, role, tuple(stages), f"{title(step)}: {refusal}")
    named = [
        dataclasses.replace(stage, exported=dataclasses.replace(stage.exported, name=branch.name)) for stage in stages
    ]
    return Line(branch.name, role, tuple(named))


def take(step: AnyStep, before: Stage, label: str, bench: Bench) -> Stage:
    """One step on the last stage, and its export."""
    model = act(step, before, label, bench)
    return Stage(title(step), model, export(model, label, bench))


def act(step: AnyStep, before: Stage, label: str, bench: Bench) -> Candidate:
    """One step on the last stage; an ONNX technique acts on the stage's exported file."""
    workspace, prepared = bench.workspace, bench.prepared
    found: Candidate
    if isinstance(step, Teaching):
        arguments = (step, prepared, bench.recipe.augment, bench.recipe.goal.metric, workspace)
        if isinstance(step, Distill):
            found = bench.call(label, steps.distill, bench.baseline.model, *arguments)
        else:
            found = bench.call(label, steps.recover, before.model, bench.baseline.model, *arguments)
    else:
        technique = step.technique() if isinstance(step, Plugin) else step
        parent = before.exported if technique.form == "onnx" else before.model
        host = bench.host if technique.asks_host else ""
        found = bench.call(label, steps.compress, parent, technique, prepared, host, workspace)
    return found


def export(model: Candidate, label: str, bench: Bench) -> Candidate:
    """The model as an ONNX candidate."""
    if model.form == "onnx":
        return model
    exported: Candidate = bench.call(
        f"{label} → ONNX", steps.export, model, bench.prepared, bench.recipe.export, bench.workspace
    )
    return exported
