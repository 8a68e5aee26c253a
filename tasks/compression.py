"""Compression: one step of a branch: a technique plans and applies, or recovery trains against the baseline."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from tasks import distillation, exporting, modeling, preprocessing, techniques
from tasks.artifacts import Candidate, InputError, Prepared, Refusal, Spec, Step, Store, Workspace
from tasks.augmentation import AugmentStep
from tasks.baseline import tensors
from tasks.distillation import Recover
from tasks.techniques import Plugin, Technique
from tasks.training import Epoch

if TYPE_CHECKING:
    from tasks.techniques import Batches

BASELINE, CONTROL = "baseline", "dense control"
"""What rows that are no branches are called."""
BATCH = 64
"""Calibration examples in one batch."""
AGREEMENT = 0.9
"""Smallest share of examples on which a technique's file must answer as its parent does."""

if TYPE_CHECKING:
    AnyStep = Technique | Plugin | Recover
else:
    AnyStep = techniques.any_of(*techniques.TECHNIQUES, Recover)


class Branch(Spec):
    """One way from the baseline to a candidate: its steps, in order."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.+-]*$", max_length=60)
    """What the candidate is called in tables, MLflow and the report."""
    steps: tuple[AnyStep, ...] = Field(min_length=1)
    """Techniques and recoveries. An export to ONNX is put in where a step needs it, and at the end."""


class Compress(Spec):
    """The branches that are tried side by side."""

    branches: tuple[Branch, ...] = Field(min_length=1)
    """Steps that branches share from the start are computed once."""

    @model_validator(mode="after")
    def _own_names(self) -> Compress:
        names = [branch.name for branch in self.branches]
        for place, name in enumerate(names):
            if name in names[:place] or name == BASELINE or name.startswith(CONTROL):
                law = f"must differ from other branches, from {BASELINE} and from {CONTROL}"
                raise ValueError(InputError(law, path=f"branches.{place}.name", value=name))
        return self


def compress(candidate: Candidate, technique: Technique, prepared: Prepared, store: Store) -> Candidate:
    """Plans on the calibration split, applies, and records both.

    Raises:
        Refusal: the technique cannot handle the model, or its file answers unlike its parent.
        InputError: the calibration data or a knob is wrong.
    """
    if technique.form == "torch":
        return _compress_torch(candidate, technique, prepared, store)
    return _compress_onnx(candidate, technique, prepared, store)


def _compress_torch(candidate: Candidate, technique: Technique, prepared: Prepared, store: Store) -> Candidate:
    if candidate.form != "torch":
        raise Refusal(f"{_tag(technique)} acts on torch models, but the steps before it end with an ONNX file")
    model = modeling.load(candidate, store)
    plan = technique.plan(model, _torch_batches(prepared, store))
    pared = technique.apply(model, plan)
    step = _step(candidate, technique, store.put_json(plan), None)
    return candidate.after(step, modeling.save(pared, store))


def _compress_onnx(candidate: Candidate, technique: Technique, prepared: Prepared, store: Store) -> Candidate:
    from tasks.kernels import runtime

    if candidate.form != "onnx":
        raise Refusal(f"{_tag(technique)} acts on ONNX files, but {candidate.name} is a torch model: export it first")
    before = store.get(candidate.content)
    batches = _onnx_batches(prepared, store)
    plan = technique.plan(before, batches)
    after: bytes = technique.apply(before, plan)
    inputs = preprocessing.product_inputs(prepared.dataset, "validation", store)
    inputs = {name: array[: exporting.EXAMPLES] for name, array in inputs.items()}
    outputs = [runtime.predict(data, inputs) for data in (before, after)]
    hop = exporting.compare(f"float → {_tag(technique)}", outputs[0], outputs[1], tolerance=0.1)
    hop = dataclasses.replace(
        hop,
        passed=hop.agreement >= AGREEMENT,
        law=f"same answer on at least {AGREEMENT:.0%} of the examples",
    )
    if not hop.passed:
        raise Refusal(f"{hop.hop}: only {hop.agreement:.1%} of {hop.n} examples keep their answer ({hop.law})")
    record = store.put_json({"parity": [vars(hop)]})
    step = _step(candidate, technique, store.put_json(plan), record)
    return candidate.after(step, store.put(after))


def recover(
    candidate: Candidate,
    teacher: Candidate,
    spec: Recover,
    prepared: Prepared,
    augment: tuple[AugmentStep, ...],
    metric: str,
    workspace: Workspace,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], bool | None] | None = None,
) -> Candidate:
    """Trains the candidate against the teacher on the train split; validation keeps the best epoch.

    `checkpoint` and `on_epoch` are those of `baseline.fit`.
    """
    if candidate.form != "torch":
        raise Refusal("recover trains torch models, but the steps before it end with an ONNX file")
    store = workspace.store
    student, guide = (modeling.load(each, store).to(workspace.device) for each in (candidate, teacher))
    knobs = spec.model_dump(mode="json", exclude={"step"})
    result = distillation.recover(
        student,
        guide,
        tensors(
            preprocessing.training_arrays(prepared, store),
            store.get_json(prepared.fitted),
            augment,
            workspace.device,
        ),
        spec,
        metric=metric,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
    )
    record = store.put_json(dataclasses.asdict(result))
    step = Step("recover", 1, {**knobs, "teacher": teacher.digest}, None, record, candidate.digest)
    return candidate.after(step, modeling.save(student, store))


def _step(candidate: Candidate, technique: Technique, plan: str, record: str | None) -> Step:
    knobs = technique.model_dump(mode="json", exclude={"step"})
    return Step(_tag(technique), technique.version, knobs, plan, record, candidate.digest)


def _tag(technique: Technique) -> str:
    """The name that `technique_of` finds the class again by."""
    return techniques.tag_of(technique)


def _torch_batches(prepared: Prepared, store: Store) -> Batches:
    import torch

    to_network = preprocessing.to_network(store.get_json(prepared.fitted))
    inputs = torch.from_numpy(preprocessing.compact(prepared, "calibration", store))
    targets = torch.from_numpy(preprocessing.targets(prepared, "calibration", store))
    parts = range(0, len(targets), BATCH)
    return [(to_network(inputs[at : at + BATCH]), targets[at : at + BATCH]) for at in parts]


def _onnx_batches(prepared: Prepared, store: Store) -> Batches:
    inputs = preprocessing.product_inputs(prepared.dataset, "calibration", store)
    targets = store.get_array(prepared.dataset.splits["calibration"].targets)
    parts = range(0, len(targets), BATCH)
    return [
        ({name: array[at : at + BATCH] for name, array in inputs.items()}, targets[at : at + BATCH]) for at in parts
    ]
