"""Compression: one step of a branch: a technique plans and applies, or recovery trains against the baseline."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import distillation, exporting, modeling, preprocessing, students, techniques
from tasks.artifacts import Candidate, Prepared, Refusal, Step, Store, Workspace
from tasks.augmentation import AugmentStep
from tasks.baseline import tensors
from tasks.distillation import Recover
from tasks.students import Distill
from tasks.techniques import Technique
from tasks.training import Epoch, TrainingData

if TYPE_CHECKING:
    from torch import nn

    from tasks.techniques import Batches

BATCH = 64
"""Calibration examples in one batch."""
AGREEMENT = 0.9
"""Smallest share of examples on which a technique's file must answer as its parent does."""


def compress(candidate: Candidate, technique: Technique, prepared: Prepared, store: Store) -> Candidate:
    """Plans on the calibration split, applies, and records both.

    Raises:
        Refusal: the technique cannot handle the model, or its file answers unlike its parent.
        InputError: a knob is wrong.
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
    batches = _onnx_batches(before, prepared, store)
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
    """Climbs the ladder of `distillation.recover` with the candidate; validation keeps the best rung or epoch.

    `checkpoint` and `on_epoch` are those of `baseline.fit`.
    """
    if candidate.form != "torch":
        raise Refusal("recover trains torch models, but the steps before it end with an ONNX file")
    store = workspace.store
    student, guide = (modeling.load(each, store).to(workspace.device) for each in (candidate, teacher))
    result = distillation.recover(
        student,
        guide,
        _training_data(prepared, augment, workspace),
        spec,
        kept=_kept(candidate, teacher, guide, store),
        metric=metric,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
    )
    knobs = {**spec.model_dump(mode="json", exclude={"step"}), "teacher": teacher.digest}
    step = Step("recover", 2, knobs, None, store.put_json(result.record()), candidate.digest)
    return candidate.after(step, modeling.save(student, store))


def distill(
    teacher: Candidate,
    spec: Distill,
    prepared: Prepared,
    augment: tuple[AugmentStep, ...],
    metric: str,
    workspace: Workspace,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], bool | None] | None = None,
) -> Candidate:
    """A student of the spec's factory, taught by the teacher; its lineage begins with this step.

    `checkpoint` and `on_epoch` are those of `baseline.fit`.

    Raises:
        InputError: the factory is wrong, or the student does not suit the data.
    """
    if teacher.form != "torch":
        raise Refusal("distill needs a torch teacher, but the baseline is an ONNX file")
    store = workspace.store
    factory, arguments = students.complete(spec, prepared)
    student = modeling.build(factory, arguments, spec.seed).to(workspace.device)
    guide = modeling.load(teacher, store).to(workspace.device)
    data = _training_data(prepared, augment, workspace)
    result, inherited = students.distill(
        student, guide, data, spec, metric=metric, checkpoint=checkpoint, on_epoch=on_epoch
    )
    knobs = {**spec.model_dump(mode="json", exclude={"step"}), "teacher": teacher.digest}
    record = store.put_json({**result.record(), "inherited": inherited})
    step = Step("distill", 1, knobs, None, record, None)
    return modeling.begin(teacher.name, factory, arguments, step, modeling.save(student, store))


def _training_data(prepared: Prepared, augment: tuple[AugmentStep, ...], workspace: Workspace) -> TrainingData:
    arrays = preprocessing.training_arrays(prepared, workspace.store)
    return tensors(arrays, workspace.store.get_json(prepared.fitted), augment, workspace.device)


def _kept(candidate: Candidate, teacher: Candidate, guide: nn.Module, store: Store) -> dict[str, list[int]] | None:
    """The teacher's channels that the candidate's layers still have; None when its last step was no technique, or
    when it does not come from the teacher.
    """
    from tasks.kernels.reconstruction import kept_outputs

    own = candidate.lineage[len(teacher.lineage) :]
    if candidate.lineage[: len(teacher.lineage)] != teacher.lineage or not own or own[-1].plan is None:
        return None
    plans = [store.get_json(step.plan) for step in own if step.plan and step.technique == "channels"]
    return kept_outputs(guide, [plan["cuts"] for plan in plans])


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


def _onnx_batches(model: bytes, prepared: Prepared, store: Store) -> Batches:
    from tasks.kernels import runtime

    size = runtime.batch_of(model) or BATCH
    inputs = preprocessing.product_inputs(prepared.dataset, "calibration", store)
    targets = store.get_array(prepared.dataset.splits["calibration"].targets)
    parts = range(0, len(targets), size)
    return [({name: array[at : at + size] for name, array in inputs.items()}, targets[at : at + size]) for at in parts]
