"""Exporting: a torch candidate becomes one ONNX file that takes what the user has, and every hop is proven."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tasks.core import Candidate, Dataset, Parity, Prepared, Refusal, Spec, Step, Store
from tasks.data import preprocessing
from tasks.evaluation.parity import EXAMPLES, compare_outputs, compare_rounded
from tasks.kernels.host.measurement_lock import shared_use
from tasks.techniques import replay

if TYPE_CHECKING:
    from torch import nn


class Export(Spec):
    """How a torch model becomes an ONNX file."""

    tolerance: float = Field(default=1e-3, gt=0)
    """Largest difference between torch's and ONNX Runtime's outputs, relative to the largest output."""


@shared_use()
def export(candidate: Candidate, prepared: Prepared, spec: Export, store: Store) -> Candidate:
    """The candidate as an ONNX file whose inputs are raw pixels or raw columns, proven against torch.

    No latency is measured on this node by others meanwhile.

    Raises:
        Refusal: a hop (torch → ONNX → fused) changes the outputs by more than the tolerance.
    """
    model = replay.load_network(candidate, store)
    fitted = store.get_json(prepared.fitted)
    data = serialize_network(model, prepared.dataset, fitted, prepared.input_shape)
    parity = check_parity(model, data, prepared, fitted, spec, store)
    record = store.put_json({"parity": [vars(hop) for hop in parity]})
    step = Step("export", 1, spec.model_dump(mode="json"), None, record, candidate.digest)
    return candidate.after(step, store.put(data), form="onnx")


def serialize_network(model: nn.Module, dataset: Dataset, fitted: dict[str, Any], shape: tuple[int, ...]) -> bytes:
    """The file: preprocessing, the network, and for regression the target's unit, in one graph.

    Inputs: `image` (batch, height, width, channels), or one (batch, 1) input for each raw column. Output:
    `logits` (batch, classes) or `prediction` (batch, 1), with an underscore behind where a column has that name.
    The batch is dynamic; class names are metadata.
    """
    from tasks.kernels.onnx import compose, preprocessing_graph, torch_export

    if dataset.kind == "images":
        prefix = preprocessing_graph.image_prefix(dataset.input_shape, dataset.input_dtype, fitted)
    else:
        prefix = preprocessing_graph.table_prefix(fitted)
    target = fitted.get("target")
    answer = compose.Answer(
        "output",
        "prediction" if target else "logits",
        dataset.outputs,
        unit=(target["std"], target["mean"]) if target else None,
    )
    core = torch_export.convert(model, shape)
    return compose.join(prefix, core, "input", input_names(fitted), answer, remarks(dataset))


def remarks(dataset: Dataset) -> dict[str, str]:
    """What a product's metadata say of its answers."""
    return {"classes": json.dumps(dataset.classes), "task": dataset.task, "kind": dataset.kind}


def input_names(fitted: dict[str, Any]) -> list[str]:
    """What the product calls `input_0`, `input_1`, … of its preprocessing."""
    if fitted["kind"] == "images":
        return ["image"]
    return [column["name"] for column in (*fitted["numbers"], *fitted["categories"])]


def check_parity(
    model: nn.Module, data: bytes, prepared: Prepared, fitted: dict[str, Any], spec: Export, store: Store
) -> tuple[Parity, ...]:
    """The parity of torch → ONNX (no optimization) → fused (all of it), on the same validation examples.

    Fake-quantized networks are held to `compare_rounded`, all others to `compare`.

    Raises:
        Refusal: a hop breaks the tolerance; the sentence names the hop and the difference.
    """
    import torch

    from tasks.kernels.onnx import sessions
    from tasks.kernels.quantization import fake_quantization

    inputs = preprocessing.product_inputs(prepared.dataset, "validation", store)
    inputs = {name: array[:EXAMPLES] for name, array in inputs.items()}
    batch = torch.from_numpy(preprocessing.compact(prepared, "validation", store)[:EXAMPLES])
    with torch.inference_mode():
        outputs = model(preprocessing.to_network(fitted)(batch)).numpy()
    if "target" in fitted:
        outputs = outputs * fitted["target"]["std"] + fitted["target"]["mean"]
    plain = sessions.predict(data, inputs, optimized=False)
    fused = sessions.predict(data, inputs)
    check = (
        compare_rounded if fake_quantization.is_quantized(model) else partial(compare_outputs, tolerance=spec.tolerance)
    )
    hops = check("torch → ONNX", outputs, plain), check("ONNX → fused", plain, fused)
    for hop in hops:
        if not hop.passed:
            raise Refusal(f"{hop.hop}: outputs differ by {hop.max_difference:.2g} ({hop.law})")
    return hops
