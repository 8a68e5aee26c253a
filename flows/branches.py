"""Branches: from the baseline, step by step, to ONNX candidates; prefixes that branches share are computed once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal, TypeGuard

from flows.execution import Call
from flows.recipe import Recipe
from tasks import steps
from tasks.artifacts import Candidate, Prepared, Refusal, Workspace
from tasks.compression import CONTROL, AnyStep, Branch, Compress
from tasks.distillation import Recover, Teaching
from tasks.students import Distill
from tasks.techniques import TAGS, Plugin

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


def default_branches() -> Compress:
    """What a recipe without `compress` tries."""
    pare = {"step": "channels", "sparsity": 0.5}
    return Compress.model_validate(
        {
            "branches": [
                {"name": "int8", "steps": [{"step": "int8"}]},
                {"name": "shallow-int8", "steps": [{"step": "blocks"}, {"step": "recover"}, {"step": "int8"}]},
                {"name": "narrow", "steps": [pare, {"step": "recover"}]},
                {"name": "low-rank", "steps": [{"step": "low_rank"}, {"step": "recover"}]},
                {"name": "narrow-int8", "steps": [pare, {"step": "recover"}, {"step": "int8"}]},
            ]
        }
    )


def branches_of(recipe: Recipe) -> Compress:
    """The recipe's branches, or the defaults: for an ONNX file each technique that acts on one, alone."""
    if recipe.compress is not None or recipe.model.file is None:
        return recipe.compress or default_branches()
    tags = [tag for tag, kind in TAGS.items() if kind.form == "onnx"]
    return Compress.model_validate({"branches": [{"name": tag, "steps": [{"step": tag}]} for tag in tags]})


def controls(compress: Compress) -> list[Branch]:
    """For every budget of training among the branches, the dense baseline trained on with the same budget."""
    trained = [tuple(budget(step) for step in branch.steps if is_training(step)) for branch in compress.branches]
    budgets = list(dict.fromkeys(filter(None, trained)))
    names = [CONTROL] if len(budgets) == 1 else [f"{CONTROL} {index + 1}" for index in range(len(budgets))]
    return [Branch(name=name, steps=budget) for name, budget in zip(names, budgets, strict=True)]


def is_training(step: AnyStep) -> TypeGuard[Teaching]:
    """Whether a step can come to training; the rungs of `recover` before it train nothing."""
    return isinstance(step, Teaching) and step.trains


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
    """One step on the last stage; an ONNX technique acts on the stage's exported file."""
    workspace, prepared = bench.workspace, bench.prepared
    if isinstance(step, Teaching):
        arguments = (step, prepared, bench.recipe.augment, bench.recipe.goal.metric, workspace)
        if isinstance(step, Distill):
            model = bench.call(label, steps.distill, bench.baseline.model, *arguments)
        else:
            model = bench.call(label, steps.recover, before.model, bench.baseline.model, *arguments)
    else:
        technique = step.technique() if isinstance(step, Plugin) else step
        parent = before.exported if technique.form == "onnx" else before.model
        host = bench.host if technique.asks_host else ""
        model = bench.call(label, steps.compress, parent, technique, prepared, host, workspace)
    return Stage(title(step), model, export(model, label, bench))


def export(model: Candidate, label: str, bench: Bench) -> Candidate:
    """The model as an ONNX candidate."""
    if model.form == "onnx":
        return model
    exported: Candidate = bench.call(
        f"{label} → ONNX", steps.export, model, bench.prepared, bench.recipe.export, bench.workspace
    )
    return exported


def title(step: AnyStep) -> str:
    """A step in a few words: its tag and the knobs that the recipe names."""
    knobs = step.model_dump(mode="json", exclude_unset=True)
    knobs.pop("step", None)
    knobs.update(knobs.pop("arguments", {}))
    return " ".join([str(step.model_dump()["step"]), *(f"{name} {value}" for name, value in knobs.items())])
