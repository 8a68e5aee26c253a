"""Compression step: applies a technique to a candidate, by a plan that it makes from calibration data."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from typing import TYPE_CHECKING

from tasks import techniques
from tasks.compression.host_costs import TimingHost, timed_on
from tasks.core import Candidate, Prepared, Refusal, Step, Store, Workspace
from tasks.data import input_layout, preprocessing
from tasks.evaluation import parity
from tasks.kernels.host.measurement_lock import shared_use
from tasks.models import weight_files
from tasks.techniques import Technique, replay
from tasks.techniques.quantization.variant_comparison import AGREEMENT

if TYPE_CHECKING:
    from tasks.techniques import Batches

BATCH = 64
"""Calibration examples in one batch, unless the ONNX file has a fixed batch."""


@shared_use()
def compress(
    candidate: Candidate, technique: Technique, prepared: Prepared, host: TimingHost | None, workspace: Workspace
) -> Candidate:
    """Applies a technique: it makes a plan from the calibration split, and changes the model by the plan.

    Waits while another process measures a latency on this machine, and lets no measurement begin before it ends or
    rests between two batches. Layer times that the technique measures are saved for this host.

    Args:
        candidate: the model; its form must be the technique's.
        technique: the technique with its knobs.
        prepared: the data with their preprocessing.
        host: this host and the engine in which the technique times its variants, so that a cached result is valid for
            these alone; None where the plan does not depend on them.
        workspace: its store gets the plan and the new model.

    Returns:
        The candidate after this step. For ONNX, the step's record has the parity between the files before and after.

    Raises:
        Refusal: the technique cannot handle the model, or too many answers of the new ONNX file differ (AGREEMENT).
        InputError: a knob is wrong.
    """
    act = _compress_torch if technique.form == "torch" else _compress_onnx
    with timed_on(host, workspace.home) if host else nullcontext():
        return act(candidate, technique, prepared, workspace.store)


def _compress_torch(candidate: Candidate, technique: Technique, prepared: Prepared, store: Store) -> Candidate:
    if candidate.form != "torch":
        raise Refusal(f"{_tag(technique)} acts on torch models, but the steps before it end with an ONNX file")
    model = replay.load_network(candidate, store)
    plan = technique.plan(model, _torch_batches(prepared, store))
    pared = technique.apply(model, plan)
    step = _step(candidate, technique, store.put_json(plan), None)
    return candidate.after(step, weight_files.save_network(pared, store))


def _compress_onnx(candidate: Candidate, technique: Technique, prepared: Prepared, store: Store) -> Candidate:
    from tasks.kernels.onnx import sessions

    if candidate.form != "onnx":
        raise Refusal(f"{_tag(technique)} acts on ONNX files, but {candidate.name} is a torch model: export it first")
    before = store.get(candidate.content)
    batches = _onnx_batches(before, prepared, store)
    plan = technique.plan(before, batches)
    after: bytes = technique.apply(before, plan)
    inputs = input_layout.product_inputs(prepared, "validation", store)
    inputs = {name: array[: parity.EXAMPLES] for name, array in inputs.items()}
    outputs = [sessions.predict(data, inputs) for data in (before, after)]
    hop = parity.compare_outputs(f"float → {_tag(technique)}", outputs[0], outputs[1], tolerance=0.1)
    hop = dataclasses.replace(
        hop,
        passed=hop.agreement >= AGREEMENT,
        law=f"same answer on at least {AGREEMENT:.0%} of the examples",
    )
    if not hop.passed:
        way_out = f"; {technique.way_out}" if technique.way_out else ""
        raise Refusal(f"{hop.hop}: only {hop.agreement:.1%} of {hop.n} examples keep their answer ({hop.law}){way_out}")
    record = store.put_json({"parity": [vars(hop)]})
    step = _step(candidate, technique, store.put_json(plan), record)
    return candidate.after(step, store.put(after))


def _step(candidate: Candidate, technique: Technique, plan: str, record: str | None) -> Step:
    knobs = technique.model_dump(mode="json", exclude={"step"})
    return Step(_tag(technique), technique.version, knobs, plan, record, candidate.digest)


def _tag(technique: Technique) -> str:
    """The tag by which `techniques.technique_of` finds the technique's class."""
    return techniques.tag_of(technique)


def _torch_batches(prepared: Prepared, store: Store) -> Batches:
    import torch

    to_network = preprocessing.to_network(store.get_json(prepared.fitted))
    inputs = torch.from_numpy(preprocessing.compact(prepared, "calibration", store))
    targets = torch.from_numpy(preprocessing.targets(prepared, "calibration", store))
    parts = range(0, len(targets), BATCH)
    return [(to_network(inputs[at : at + BATCH]), targets[at : at + BATCH]) for at in parts]


def _onnx_batches(model: bytes, prepared: Prepared, store: Store) -> Batches:
    from tasks.kernels.onnx import description

    size = description.fixed_batch(model) or BATCH
    names = {tensor.name for tensor in description.interface(model)[0]}
    every = input_layout.product_inputs(prepared, "calibration", store)
    inputs = {name: array for name, array in every.items() if name in names}
    targets = store.get_array(prepared.dataset.splits["calibration"].targets)
    parts = range(0, len(targets), size)
    return [({name: array[at : at + size] for name, array in inputs.items()}, targets[at : at + size]) for at in parts]
