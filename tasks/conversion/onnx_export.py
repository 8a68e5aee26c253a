"""ONNX export: converts a torch candidate to one ONNX file that takes raw data, and checks the parity of each hop."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tasks.core import Candidate, Dataset, Parity, Prepared, Refusal, Spec, Step, Store
from tasks.data import input_layout, preprocessing
from tasks.data.product_remarks import product_remarks
from tasks.evaluation.parity import EXAMPLES, compare_outputs, compare_rounded
from tasks.kernels.host.measurement_lock import shared_use
from tasks.techniques import replay

if TYPE_CHECKING:
    from torch import nn


class Export(Spec):
    """Settings of the conversion of a torch model to an ONNX file."""

    tolerance: float = Field(default=1e-3, gt=0)
    """Largest difference between torch's and ONNX Runtime's outputs, relative to the largest absolute output (at least
    1)."""


@shared_use()
def export(candidate: Candidate, prepared: Prepared, spec: Export, store: Store) -> Candidate:
    """Exports a torch candidate to an ONNX file that takes raw pixels or raw columns, and checks it against torch.

    Waits while another process measures a latency on this machine, and lets no measurement begin before it ends.

    Args:
        candidate: a torch candidate.
        prepared: the data with their preprocessing.
        spec: the tolerance.
        store: gets the file and the record of the parity.

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
    """A network as an ONNX file (bytes): one graph of preprocessing, network, and for regression the targets' unit.

    Inputs: `image` (batch, height, width, channels), an array (batch, …) under its own name, one (batch, 1) input for
    each raw column, or `columns` (batch, columns) for all of a wide table. Output: `logits` (batch, classes) or
    `prediction` (batch, 1), with an underscore appended when an input has that name. The batch is dynamic; class names
    are metadata.

    Args:
        model: the network.
        dataset: the data.
        fitted: the fitted preprocessing.
        shape: shape of one network input, as `Prepared.input_shape`.
    """
    from tasks.kernels.onnx import compose, preprocessing_graph, torch_export
    from tasks.kernels.statistics.target_map import read_map

    if dataset.kind == "images":
        prefix = preprocessing_graph.image_prefix(dataset.input_shape, dataset.input_dtype, fitted)
    elif dataset.kind == "array":
        prefix = preprocessing_graph.array_prefix(dataset.input_shape, dataset.input_dtype, fitted)
    else:
        prefix = preprocessing_graph.table_prefix(fitted)
    target = fitted.get("target")
    answer = compose.Answer(
        "output",
        "prediction" if target else "logits",
        dataset.outputs,
        unit=(target["std"], target["mean"]) if target and (target["mean"], target["std"]) != (0.0, 1.0) else None,
        target_map=read_map(target["map"]) if target and "map" in target else None,
    )
    core = torch_export.convert(model, shape)
    said = product_remarks(dataset) | input_layout.layout_remarks(input_layout.layout_of_table(dataset), dataset)
    return compose.join(prefix, core, "input", input_names(fitted), answer, said)


def input_names(fitted: dict[str, Any]) -> list[str]:
    """The product's names for the inputs of its preprocessing, in order: `image`, the array's name, or the columns."""
    if fitted["kind"] == "images":
        return ["image"]
    if fitted["kind"] == "array":
        return [fitted["name"]]
    if "matrix" in fitted:
        return [fitted["matrix"]]
    return [column["name"] for column in fitted["columns"]]


def check_parity(
    model: nn.Module, data: bytes, prepared: Prepared, fitted: dict[str, Any], spec: Export, store: Store
) -> tuple[Parity, ...]:
    """Checks the parity of the hops torch → ONNX (not optimized) → fused (optimized), on the same validation examples.

    Fake-quantized networks are checked with `parity.compare_rounded`, all others with `parity.compare_outputs`.

    Args:
        model: the network.
        data: its ONNX file.
        prepared: the data with their preprocessing.
        fitted: the fitted preprocessing.
        spec: the tolerance.
        store: holds the validation split, of which at most `parity.EXAMPLES` examples are used.

    Raises:
        Refusal: a hop exceeds the tolerance; the message names the hop and the difference.
    """
    import torch

    from tasks.kernels.onnx import sessions
    from tasks.kernels.quantization import fake_quantization
    from tasks.kernels.statistics.target_map import in_data_unit

    inputs = input_layout.product_inputs(prepared, "validation", store)
    inputs = {name: array[:EXAMPLES] for name, array in inputs.items()}
    batch = torch.from_numpy(preprocessing.compact(prepared, "validation", store)[:EXAMPLES])
    with torch.inference_mode():
        outputs = model(preprocessing.to_network(fitted)(batch)).numpy()
    if "target" in fitted:
        outputs = in_data_unit(outputs, fitted["target"])
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
