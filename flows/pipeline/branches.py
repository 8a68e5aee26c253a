"""Branches: run from the baseline, step by step, to ONNX candidates; shared first steps come from the cache."""

from __future__ import annotations

import dataclasses
import errno
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from flows.pipeline.findings import BranchResult, Role, Stage
from flows.pipeline.run_context import Job, RunContext
from tasks.compression.branch import (
    CONTROL,
    UNTAUGHT,
    AnyStep,
    Branch,
    form_of,
    is_training,
    step_title,
    untaught_steps,
)
from tasks.compression.run_step import run_step
from tasks.conversion.onnx_export import export
from tasks.core import Candidate, InputError, Prepared, Refusal, write_atomically
from tasks.core.errors import in_one_line
from tasks.training.distillation import DistillationSpec
from tasks.training.recovery import Recover


def control_branches(branches: Sequence[Branch]) -> list[Branch]:
    """The dense controls: for each different training budget of the branches, the baseline trained with that budget.

    A control shows what the extra training gives without compression. A budget is the sequence of a branch's training
    steps; branches without training have none. A branch that the baseline teaches has itself as its control, fitted on
    the targets.
    """
    trained = [
        tuple(as_recovery(step) for step in branch.steps if is_training(step))
        for branch in branches
        if untaught_steps(branch) is None
    ]
    budgets = list(dict.fromkeys(filter(None, trained)))
    names = [CONTROL] if len(budgets) == 1 else [f"{CONTROL} {index + 1}" for index in range(len(budgets))]
    dense = [Branch(name=name, steps=budget) for name, budget in zip(names, budgets, strict=True)]
    untaught: list[Branch] = []
    for branch in branches:
        steps = untaught_steps(branch)
        if steps is not None and all(steps != other.steps for other in untaught):
            untaught.append(Branch(name=f"{UNTAUGHT} {branch.name}"[:60].rstrip(), steps=steps))
    return [*dense, *untaught]


def as_recovery(step: DistillationSpec) -> Recover:
    """A training step's settings as a `Recover` step that always trains to the end, for use on the dense baseline."""
    knobs = step.model_fields_set & set(DistillationSpec.model_fields)
    return Recover(**step.model_dump(include=knobs))


def run_branch(branch: Branch, role: Role, run: RunContext) -> BranchResult:
    """Runs the steps of a branch in order. Each stage is also exported to ONNX, so that it can be measured.

    When a step refuses or breaks, the result has the stages before it and the reason; no `Refusal` is raised.
    """
    stages = [run.baseline]
    for step in branch.steps:
        label = f"{branch.name}: {step_title(step)}"
        try:
            stages.append(run_stage(step, stages[-1], label, run))
        except Refusal as refusal:
            return BranchResult(branch.name, role, tuple(stages), refusal_text(step, refusal))
    named = [
        dataclasses.replace(stage, exported=dataclasses.replace(stage.exported, name=branch.name)) for stage in stages
    ]
    return BranchResult(branch.name, role, tuple(named))


def refusal_text(step: AnyStep, refusal: Refusal) -> str:
    """Which step refused and why, in a sentence that names the step once."""
    title, text = step_title(step), str(refusal)
    tag = title.partition(" ")[0]
    if text.startswith((f"{tag}:", f"{tag} ")):
        return title + text.removeprefix(tag)
    return f"{title}: {text}"


def run_stage(step: AnyStep, before: Stage, label: str, run: RunContext) -> Stage:
    """Runs one step on the stage before it, and exports the result. Raises as `apply_step` does."""
    model = apply_step(step, before, label, run)
    with breakage(label, run):
        exported = export_stage(model, label, run.prepared, run.job)
    return Stage(step_title(step), model, exported)


def apply_step(step: AnyStep, before: Stage, label: str, run: RunContext) -> Candidate:
    """Runs one step on the stage before it: a torch step on its model, an ONNX technique on its exported file.

    Raises:
        Refusal: the step cannot handle the model, or it broke (`breakage`).
        InputError: a knob is wrong.
    """
    model = before.exported if form_of(step) == "onnx" else before.model
    with breakage(label, run):
        return run_step(step, model, run.step_inputs, run.job.context, run.job.runner, label)


@contextmanager
def breakage(label: str, run: RunContext) -> Iterator[None]:
    """Turns an unexpected error into a Refusal that says "broke", so that it ends its branch and not the run.

    The traceback is written to `errors/RECIPE-BRANCH.txt` in the home. Refusals and input errors stay as they are, and
    so do errors for want of memory or of disk space, which the other branches would meet too.

    Args:
        label: the step in a few words; the branch's name comes before the first colon.
        run: what the branches of the run have in common.
    """
    try:
        yield
    except (Refusal, InputError):
        raise
    except Exception as error:
        if _is_exhausted(error):
            raise
        branch = label.partition(":")[0].replace("/", "-")
        place = run.job.context.workspace.home / "errors" / f"{run.recipe.name}-{branch}.txt"
        write_atomically(place, "".join(traceback.format_exception(error)).encode(errors="backslashreplace"))
        raise Refusal(f"broke: {in_one_line(error)}; the details are in {place}") from error


def _is_exhausted(error: BaseException | None) -> bool:
    """Whether the error, or one that led to it, is that memory or disk space ran out."""
    while error is not None:
        is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if is_full or isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def export_stage(model: Candidate, label: str, prepared: Prepared, job: Job) -> Candidate:
    """The model exported to ONNX; a model that is an ONNX file is returned unchanged."""
    if model.form == "onnx":
        return model
    return job.runner.run(f"{label} → ONNX", export, model, prepared, job.recipe.export, job.store)
