"""Compression: a technique plans on calibration data and acts on a candidate; both are recorded."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from typing import TYPE_CHECKING

from tasks import techniques
from tasks.compression.host_costs import costs_kept
from tasks.core import Candidate, Prepared, Refusal, Step, Store, Workspace
from tasks.data import preprocessing
from tasks.evaluation import parity
from tasks.kernels.host.measurement_lock import shared_use
from tasks.models import weight_files
from tasks.techniques import Technique, replay

if TYPE_CHECKING:
    from tasks.techniques import Batches

BATCH = 64
"""Calibration examples in one batch."""
AGREEMENT = 0.9
"""Smallest share of examples on which a technique's file must answer as its parent does."""


@shared_use()
def compress(
    candidate: Candidate, technique: Technique, prepared: Prepared, host: str, workspace: Workspace
) -> Candidate:
    """Plans on the calibration split, applies, and records both.

    No latency is measured on this node by others meanwhile. Layer times that the technique measures are kept for
    this host.

    Args:
        host: named where the plan depends on the host, so that a cached answer belongs to one; else empty.

    Raises:
        Refusal: the technique cannot handle the model, or its file answers unlike its parent.
        InputError: a knob is wrong.
    """
    act = _compress_torch if technique.form == "torch" else _compress_onnx
    with costs_kept(workspace.home) if technique.asks_host else nullcontext():
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
    inputs = preprocessing.product_inputs(prepared.dataset, "validation", store)
    inputs = {name: array[: parity.EXAMPLES] for name, array in inputs.items()}
    outputs = [sessions.predict(data, inputs) for data in (before, after)]
    hop = parity.compare_outputs(f"float → {_tag(technique)}", outputs[0], outputs[1], tolerance=0.1)
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
    from tasks.kernels.onnx import description

    size = description.fixed_batch(model) or BATCH
    inputs = preprocessing.product_inputs(prepared.dataset, "calibration", store)
    targets = store.get_array(prepared.dataset.splits["calibration"].targets)
    parts = range(0, len(targets), size)
    return [({name: array[at : at + size] for name, array in inputs.items()}, targets[at : at + size]) for at in parts]
