"""Branches: the recipe's sequences of steps from the baseline to a candidate, and its search for further ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

from pydantic import Field, field_validator, model_validator

from tasks import techniques
from tasks.core import InputError, Spec
from tasks.search.domains import Domain
from tasks.search.guide import rungs_of
from tasks.search.search_spec import SearchBudget
from tasks.techniques import Plugin, Technique
from tasks.techniques.pruning import gradual
from tasks.techniques.pruning.gradual import Gradual
from tasks.training.distillation import DistillationSpec
from tasks.training.recovery import Recover
from tasks.training.simple.ensemble_spec import Ensemble
from tasks.training.simple.fit_spec import Fit
from tasks.training.student import Distill

BASELINE, CONTROL, UNTAUGHT, FOUND = "baseline", "dense control", "untaught", "found"
"""Names of candidates that are no branches of the recipe; those found by a search begin with FOUND, and the controls of
branches that the baseline teaches with UNTAUGHT."""
if TYPE_CHECKING:
    AnyStep = Technique | Plugin | Recover | Distill | Fit | Ensemble
else:
    AnyStep = techniques.any_of(*techniques.TECHNIQUES, Gradual, Recover, Distill, Fit, Ensemble)


class Branch(Spec):
    """A sequence of steps from the baseline to one candidate."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.+-]*$", max_length=60)
    """Name of the candidate in tables, MLflow and the report."""
    steps: tuple[AnyStep, ...] = Field(min_length=1)
    """Techniques and recoveries, in order; `distill`, `fit` or `ensemble` may come first. An export to ONNX is inserted
    where a step needs it, and at the end."""

    @field_validator("steps")
    @classmethod
    def _complete_steps(cls, steps: tuple[Any, ...]) -> tuple[Any, ...]:
        """Replaces each `gradual` schedule by its steps, and completes the knobs that depend on later steps."""
        every = tuple(each for step in steps for each in (_expanded(step) if isinstance(step, Gradual) else (step,)))
        return tuple(_completed(step, every[place + 1 :]) for place, step in enumerate(every))

    @model_validator(mode="after")
    def _distill_comes_first(self) -> Branch:
        for place, step in enumerate(self.steps):
            if place and isinstance(step, Distill | Fit | Ensemble):
                law = "must be the first step of its branch: its model begins anew"
                law += ", taught by the baseline" if isinstance(step, Distill) else ""
                raise ValueError(InputError(law, path=f"steps.{place}.step", value=step.step))
        return self


def _completed(step: AnyStep, later: Sequence[AnyStep]) -> AnyStep:
    return (
        step.for_branch([each for each in later if isinstance(each, Technique)])
        if isinstance(step, Technique)
        else step
    )


def _expanded(schedule: Gradual) -> tuple[AnyStep, ...]:
    return tuple(
        Recover.model_validate(step) if step["step"] == "recover" else techniques.technique_of(step)
        for step in gradual.expand_schedule(schedule)
    )


class CompressionSearch(SearchBudget):
    """A search for branches besides those of the recipe.

    The recipe's own branches are evaluated first, and the search learns from them. It spends its whole budget; the best
    branches that it finds become candidates besides them.
    """

    space: dict[str, Domain] = Field(default_factory=dict)
    """`BRANCH.PLACE.KNOB` → domain, for example `narrow.0.sparsity: {uniform: [0.2, 0.7]}`: the values of branches of
    the recipe. Absent: the steps, their order, their knobs and the knobs of the recovery are searched."""
    keep: int = Field(default=3, ge=1, le=100)
    """Most branches of the search that become candidates, the best first."""

    @model_validator(mode="after")
    def _algorithm_suits(self) -> CompressionSearch:
        if self.algorithm == "pbt":
            law = "finds values that change while a network trains, and a branch is more than one training"
            raise ValueError(InputError(law, path="algorithm", value=self.algorithm, nearest="tpe"))
        if not self.space and self.algorithm in ("grid", "cmaes"):
            law = "needs compress.search.space: the steps themselves are choices, and their knobs depend on them"
            raise ValueError(InputError(law, path="algorithm", value=self.algorithm, nearest="tpe"))
        return self


class Compress(Spec):
    """The branches of a recipe, and the search for further ones."""

    branches: tuple[Branch, ...] = ()
    """Leading steps that branches have in common are computed once. Absent: pruning, low rank and int8, alone and
    combined."""
    search: CompressionSearch | None = None
    """The search for further branches. Absent: there is none."""

    @model_validator(mode="after")
    def _own_names(self) -> Compress:
        names = [branch.name for branch in self.branches]
        for place, name in enumerate(names):
            if name in names[:place] or name == BASELINE or name.startswith(CONTROL):
                law = f"must differ from other branches, from {BASELINE} and from {CONTROL}"
                raise ValueError(InputError(law, path=f"branches.{place}.name", value=name))
            if name.startswith(UNTAUGHT):
                law = f"must not begin with {UNTAUGHT}, as the controls do of branches that the baseline teaches"
                raise ValueError(InputError(law, path=f"branches.{place}.name", value=name))
            if self.search and name.startswith(FOUND):
                law = f"must not begin with {FOUND}, as those do that the search finds"
                raise ValueError(InputError(law, path=f"branches.{place}.name", value=name))
        return self


def untaught_steps(branch: Branch) -> tuple[AnyStep, ...] | None:
    """The steps of a branch that the baseline teaches, with its model fitted on the targets; None of any other."""
    first, *others = branch.steps
    if isinstance(first, Distill) and first.compare:
        return first.model_copy(update={"taught": False, "compare": False}), *others
    if not isinstance(first, Fit) or not first.taught:
        return None
    knobs = first.model_dump(exclude_unset=True, exclude={"taught", "synthetic", "hard_weight"})
    return Fit.model_validate(knobs), *others


def in_rungs(branch: Branch, epochs: int) -> Branch:
    """The branch with its recovery as one for each rung, of `epochs` epochs together."""
    ends = rungs_of(epochs)
    lengths = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    steps: list[AnyStep] = []
    for step in branch.steps:
        is_split = isinstance(step, Recover)
        steps += [step.model_copy(update={"epochs": length}) for length in lengths] if is_split else [step]
    return branch.model_copy(update={"steps": tuple(steps)})


def joined_steps(branch: Branch) -> list[dict[str, Any]]:
    """The steps of a branch as knobs, successive recoveries as one; the inverse of `in_rungs`."""
    found: list[dict[str, Any]] = []
    for step in branch.steps:
        knobs = step.model_dump()
        if isinstance(step, Recover) and step.epochs and not step.minutes:
            before = found[-1] if found else {}
            if before == {**knobs, "epochs": before.get("epochs")}:
                before["epochs"] += step.epochs
                continue
        found.append(knobs)
    return found


def spec_of(step: AnyStep) -> Technique | Recover | Distill | Fit | Ensemble:
    """The step itself; for a plug-in, an instance of the user's technique that it names."""
    return step.technique() if isinstance(step, Plugin) else step


def tag_of(step: AnyStep) -> str:
    """The step's tag, such as `channels`."""
    return str(step.model_dump()["step"])


def form_of(step: AnyStep) -> Literal["torch", "onnx"]:
    """The form of model to which a step is applied: a torch network or an ONNX file, such as a fit's answer."""
    spec = spec_of(step)
    if isinstance(spec, Fit | Ensemble):
        return "onnx"
    return spec.form if isinstance(spec, Technique) else "torch"


def is_training(step: AnyStep) -> TypeGuard[DistillationSpec]:
    """Whether a step may train the network: `distill`, and `recover` unless its last stage comes before `train`."""
    return isinstance(step, DistillationSpec) and step.trains


def step_title(step: AnyStep) -> str:
    """A step as text: its tag and the knobs that the recipe sets, for example `channels sparsity 0.5`."""
    knobs = step.model_dump(mode="json", exclude_unset=True)
    knobs.pop("step", None)
    knobs.update(knobs.pop("arguments", {}))
    if isinstance(step, Ensemble):
        knobs["members"] = " + ".join(_member_title(each) for each in knobs.pop("members"))
    return " ".join([tag_of(step), *(f"{name} {_short(value)}" for name, value in knobs.items())])


def _member_title(knobs: dict[str, Any]) -> str:
    """A member of an ensemble as text: its family, and its arguments in brackets."""
    arguments = {**knobs.get("arguments", {}), **({"seed": knobs["seed"]} if knobs.get("seed") is not None else {})}
    said = ", ".join(f"{name} {_short(value)}" for name, value in arguments.items())
    return f"{knobs['family']} ({said})" if said else str(knobs["family"])


def _short(value: Any) -> Any:
    """A float with four significant digits, because a value that a search draws may have seventeen."""
    return f"{value:.4g}" if isinstance(value, float) else value
