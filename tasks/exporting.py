"""Exporting: a torch candidate becomes one ONNX file that takes what the user has, and every hop is proven."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tasks import modeling, preprocessing
from tasks.artifacts import Candidate, Dataset, Parity, Prepared, Refusal, Spec, Step, Store

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from torch import nn

EXAMPLES = 256
"""How many examples each hop is proven on, at most."""


class Export(Spec):
    """How a torch model becomes an ONNX file."""

    tolerance: float = Field(default=1e-3, gt=0)
    """Largest difference between torch's and ONNX Runtime's outputs, relative to the largest output."""


def export(candidate: Candidate, prepared: Prepared, spec: Export, store: Store) -> Candidate:
    """The candidate as an ONNX file whose inputs are raw pixels or raw columns, proven against torch.

    Raises:
        Refusal: a hop (torch → ONNX → fused) changes the outputs by more than the tolerance.
    """
    model = modeling.load(candidate, store)
    fitted = store.get_json(prepared.fitted)
    data = serialize(model, prepared.dataset, fitted, prepared.input_shape)
    parity = prove(model, data, prepared, fitted, spec, store)
    record = store.put_json({"parity": [vars(hop) for hop in parity]})
    step = Step("export", 1, spec.model_dump(mode="json"), None, record, candidate.digest)
    return candidate.after(step, store.put(data), form="onnx")


def serialize(model: nn.Module, dataset: Dataset, fitted: dict[str, Any], shape: tuple[int, ...]) -> bytes:
    """The file: preprocessing, the network, and for regression the target's unit, in one graph.

    Inputs: `image` (batch, height, width, channels), or one (batch, 1) input for each raw column. Output:
    `logits` (batch, classes) or `prediction` (batch, 1), with an underscore behind where a column has that name.
    The batch is dynamic; class names are metadata.
    """
    import onnx
    from onnx import compose

    from tasks.kernels import runtime
    from tasks.kernels.runtime import prefixes

    if dataset.kind == "images":
        prefix = prefixes.image_prefix(dataset.input_shape, dataset.input_dtype, fitted)
    else:
        prefix = prefixes.table_prefix(fitted)
    core = runtime.convert(model, shape)
    prefix.ir_version = core.ir_version
    # A column may have any name: every other name in the graph begins with the part that it belongs to.
    merged = compose.merge_models(
        compose.add_prefix(prefix, "preprocess/"),
        compose.add_prefix(core, "network/", rename_nodes=False),
        [("preprocess/features", "network/input")],
    )
    _name_inputs(merged, _input_names(fitted))
    _name_output(merged, dataset, fitted)
    domains = {node.domain: prefixes.ML_OPSET if node.domain else prefixes.OPSET for node in merged.graph.node}
    # Merging lists a domain once for each half; quantizers insist on once.
    del merged.opset_import[:]
    merged.opset_import.extend(onnx.helper.make_opsetid(*each) for each in sorted(domains.items()))
    merged.producer_name = "paredown"
    metadata = {"classes": json.dumps(dataset.classes), "task": dataset.task, "kind": dataset.kind}
    onnx.helper.set_model_props(merged, metadata)
    onnx.checker.check_model(merged)
    return bytes(merged.SerializeToString(deterministic=True))


def _input_names(fitted: dict[str, Any]) -> list[str]:
    """What the product calls `input_0`, `input_1`, … of its preprocessing."""
    if fitted["kind"] == "images":
        return ["image"]
    return [column["name"] for column in (*fitted["numbers"], *fitted["categories"])]


def _name_inputs(model: onnx.ModelProto, names: list[str]) -> None:
    """Gives the inputs their names in the product."""
    new = {f"preprocess/input_{index}": name for index, name in enumerate(names)}
    for tensor in model.graph.input:
        tensor.name = new[tensor.name]
    for node in model.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]


def _name_output(model: onnx.ModelProto, dataset: Dataset, fitted: dict[str, Any]) -> None:
    """Gives the output its name in the product; regression goes back to the target's own unit first."""
    from onnx import TensorProto, helper

    graph, regression = model.graph, dataset.task == "regression"
    name = "prediction" if regression else "logits"
    while name in {tensor.name for tensor in graph.input}:
        name += "_"
    if regression:
        target = fitted["target"]
        for key in ("std", "mean"):
            constant = helper.make_tensor(f"network/target_{key}", TensorProto.FLOAT, (1, 1), [target[key]])
            graph.initializer.append(constant)
        graph.node.append(helper.make_node("Mul", ["network/output", "network/target_std"], ["network/in_unit"]))
        graph.node.append(helper.make_node("Add", ["network/in_unit", "network/target_mean"], [name]))
    else:
        graph.node.append(helper.make_node("Identity", ["network/output"], [name]))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", dataset.outputs]))


def prove(
    model: nn.Module, data: bytes, prepared: Prepared, fitted: dict[str, Any], spec: Export, store: Store
) -> tuple[Parity, ...]:
    """The parity of torch → ONNX (no optimization) → fused (all of it), on the same validation examples.

    Raises:
        Refusal: a hop breaks the tolerance; the sentence names the hop and the difference.
    """
    import torch

    from tasks.kernels import runtime

    inputs = preprocessing.product_inputs(prepared.dataset, "validation", store)
    inputs = {name: array[:EXAMPLES] for name, array in inputs.items()}
    batch = torch.from_numpy(preprocessing.compact(prepared, "validation", store)[:EXAMPLES])
    with torch.inference_mode():
        outputs = model(preprocessing.to_network(fitted)(batch)).numpy()
    if "target" in fitted:
        outputs = outputs * fitted["target"]["std"] + fitted["target"]["mean"]
    plain = runtime.predict(data, inputs, optimized=False)
    fused = runtime.predict(data, inputs)
    hops = (
        compare("torch → ONNX", outputs, plain, spec.tolerance),
        compare("ONNX → fused", plain, fused, spec.tolerance),
    )
    for hop in hops:
        if not hop.passed:
            raise Refusal(f"{hop.hop}: outputs differ by {hop.max_difference:.2g} ({hop.law})")
    return hops


def compare(hop: str, before: np.ndarray, after: np.ndarray, tolerance: float) -> Parity:
    """The record of one hop; it passes when the largest difference is within `tolerance` of the largest output."""
    import numpy as np

    difference = float(np.abs(before - after).max())
    bound = tolerance * max(1.0, float(np.abs(before).max()))
    agreement = agree(before, after, bound)
    law = f"largest difference at most {tolerance:g} of the largest output"
    return Parity(hop, len(before), difference, agreement, law, difference <= bound)


def agree(before: np.ndarray, after: np.ndarray, bound: float) -> float:
    """Share of examples with the same class; with one output, the share whose difference is within `bound`."""
    import numpy as np

    if before.shape[1] > 1:
        return float(np.mean(before.argmax(axis=1) == after.argmax(axis=1)))
    return float(np.mean(np.abs(before - after) <= bound))


def parity_of(candidate: Candidate, store: Store) -> tuple[Parity, ...]:
    """Every hop that the candidate's file went through, in order."""
    records = [store.get_json(step.record) for step in candidate.lineage if step.record]
    return tuple(Parity(**hop) for record in records for hop in record.get("parity", ()))
