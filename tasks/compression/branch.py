"""Branches: the ways from the baseline to candidates, as a recipe writes them, and the search for further ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeGuard

from pydantic import Field, field_validator, model_validator

from tasks import techniques
from tasks.core import InputError, Spec
from tasks.search.domains import Domain
from tasks.search.search_spec import SearchBudget
from tasks.techniques import Plugin, Technique
from tasks.techniques.pruning import gradual
from tasks.techniques.pruning.gradual import Gradual
from tasks.training.distillation import DistillationSpec
from tasks.training.recovery import Recover
from tasks.training.student import Distill

BASELINE, CONTROL, FOUND = "baseline", "dense control", "found"
"""What rows that are no branches are called."""
if TYPE_CHECKING:
    AnyStep = Technique | Plugin | Recover | Distill
else:
    AnyStep = techniques.any_of(*techniques.TECHNIQUES, Gradual, Recover, Distill)


class Branch(Spec):
    """One way from the baseline to a candidate: its steps, in order."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.+-]*$", max_length=60)
    """What the candidate is called in tables, MLflow and the report."""
    steps: tuple[AnyStep, ...] = Field(min_length=1)
    """Techniques and recoveries; `distill` may come first. An export to ONNX is put in where a step needs it, and at
    the end."""

    @field_validator("steps")
    @classmethod
    def _expand_schedules(cls, steps: tuple[Any, ...]) -> tuple[Any, ...]:
        """A schedule stands for several steps."""
        return tuple(each for step in steps for each in (_expanded(step) if isinstance(step, Gradual) else (step,)))

    @model_validator(mode="after")
    def _distill_comes_first(self) -> Branch:
        for place, step in enumerate(self.steps):
            if place and isinstance(step, Distill):
                law = "must be the first step of its branch: its student begins anew, taught by the baseline"
                raise ValueError(InputError(law, path=f"steps.{place}.step", value=step.step))
        return self


def _expanded(schedule: Gradual) -> tuple[AnyStep, ...]:
    return tuple(
        Recover.model_validate(step) if step["step"] == "recover" else techniques.technique_of(step)
        for step in gradual.expand_schedule(schedule)
    )


class CompressionSearch(SearchBudget):
    """Which branches are tried beyond those that the recipe names, and how many.

    Those of the recipe come first and take part; the search spends its whole budget, and the best few join them.
    """

    space: dict[str, Domain] = Field(default_factory=dict)
    """`BRANCH.PLACE.KNOB` → domain, for example `narrow.0.sparsity: {uniform: [0.2, 0.7]}`; absent: the steps, their
    order, their knobs and the recovery's are searched."""
    keep: int = Field(default=3, ge=1, le=100)
    """How many of the branches that were found become candidates; the best comes first."""

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
    """The branches that are tried side by side, and the search for further ones."""

    branches: tuple[Branch, ...] = ()
    """Steps that branches share from the start are computed once. Absent: pruning, low rank and int8, alone and
    together."""
    search: CompressionSearch | None = None
    """Spends a budget on further branches. Absent: nothing is searched."""

    @model_validator(mode="after")
    def _own_names(self) -> Compress:
        names = [branch.name for branch in self.branches]
        for place, name in enumerate(names):
            if name in names[:place] or name == BASELINE or name.startswith(CONTROL):
                law = f"must differ from other branches, from {BASELINE} and from {CONTROL}"
                raise ValueError(InputError(law, path=f"branches.{place}.name", value=name))
            if self.search and name.startswith(FOUND):
                law = f"must not begin with {FOUND}, as those do that the search finds"
                raise ValueError(InputError(law, path=f"branches.{place}.name", value=name))
        return self


def spec_of(step: AnyStep) -> Technique | Recover | Distill:
    """The step itself; in place of an import path, the user's technique that it names."""
    return step.technique() if isinstance(step, Plugin) else step


def form_of(step: AnyStep) -> Literal["torch", "onnx"]:
    """The form of model that a step acts on."""
    spec = spec_of(step)
    return spec.form if isinstance(spec, Technique) else "torch"


def is_training(step: AnyStep) -> TypeGuard[DistillationSpec]:
    """Whether a step can come to training; the rungs of `recover` before it train nothing."""
    return isinstance(step, DistillationSpec) and step.trains


def step_title(step: AnyStep) -> str:
    """A step in a few words: its tag and the knobs that the recipe names."""
    knobs = step.model_dump(mode="json", exclude_unset=True)
    knobs.pop("step", None)
    knobs.update(knobs.pop("arguments", {}))
    return " ".join([str(step.model_dump()["step"]), *(f"{name} {_short(value)}" for name, value in knobs.items())])


def _short(value: Any) -> Any:
    """A number with four digits: what a search draws has seventeen."""
    return f"{value:.4g}" if isinstance(value, float) else value
