"""Exporting: a torch candidate becomes one ONNX file that takes what the user has, and every hop is proven."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tasks import modeling, preprocessing
from tasks.artifacts import Candidate, Dataset, Parity, Prepared, Refusal, Spec, Step, Store

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

EXAMPLES = 256
"""How many examples each hop is proven on, at most."""
ROUNDING, AGREEMENT = 0.05, 0.98
"""What a hop of a quantized network may change. Where sums are added up in another order, a value in the middle
between two levels goes to the other one, and the layers after it carry that on: measured on trained networks of
20 and 44 layers, the outputs moved by 0.5 and 1.3 % of their deviation, and 0.05 to 0.35 % of the answers changed."""


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
    from tasks.kernels import runtime
    from tasks.kernels.runtime import joining, prefixes

    if dataset.kind == "images":
        prefix = prefixes.image_prefix(dataset.input_shape, dataset.input_dtype, fitted)
    else:
        prefix = prefixes.table_prefix(fitted)
    target = fitted.get("target")
    answer = joining.Answer(
        "output",
        "prediction" if target else "logits",
        dataset.outputs,
        unit=(target["std"], target["mean"]) if target else None,
    )
    core = runtime.convert(model, shape)
    return joining.join(prefix, core, "input", input_names(fitted), answer, remarks(dataset))


def remarks(dataset: Dataset) -> dict[str, str]:
    """What a product's metadata say of its answers."""
    return {"classes": json.dumps(dataset.classes), "task": dataset.task, "kind": dataset.kind}


def input_names(fitted: dict[str, Any]) -> list[str]:
    """What the product calls `input_0`, `input_1`, … of its preprocessing."""
    if fitted["kind"] == "images":
        return ["image"]
    return [column["name"] for column in (*fitted["numbers"], *fitted["categories"])]


def prove(
    model: nn.Module, data: bytes, prepared: Prepared, fitted: dict[str, Any], spec: Export, store: Store
) -> tuple[Parity, ...]:
    """The parity of torch → ONNX (no optimization) → fused (all of it), on the same validation examples.

    Fake-quantized networks are held to `compare_rounded`, all others to `compare`.

    Raises:
        Refusal: a hop breaks the tolerance; the sentence names the hop and the difference.
    """
    import torch

    from tasks.kernels import fake_quantization, runtime

    inputs = preprocessing.product_inputs(prepared.dataset, "validation", store)
    inputs = {name: array[:EXAMPLES] for name, array in inputs.items()}
    batch = torch.from_numpy(preprocessing.compact(prepared, "validation", store)[:EXAMPLES])
    with torch.inference_mode():
        outputs = model(preprocessing.to_network(fitted)(batch)).numpy()
    if "target" in fitted:
        outputs = outputs * fitted["target"]["std"] + fitted["target"]["mean"]
    plain = runtime.predict(data, inputs, optimized=False)
    fused = runtime.predict(data, inputs)
    check = compare_rounded if fake_quantization.is_quantized(model) else partial(compare, tolerance=spec.tolerance)
    hops = check("torch → ONNX", outputs, plain), check("ONNX → fused", plain, fused)
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


def compare_rounded(hop: str, before: np.ndarray, after: np.ndarray) -> Parity:
    """The record of one hop of a quantized network; it passes within ROUNDING and with AGREEMENT."""
    import numpy as np

    difference = np.abs(before - after)
    spread = max(float(before.std()), 1e-12)
    agreement = agree(before, after, 3 * ROUNDING * spread)
    law = f"root mean square at most {ROUNDING:.0%} of the outputs' deviation, same answer on {AGREEMENT:.0%}"
    sound = float(np.sqrt(np.mean(difference**2))) <= ROUNDING * spread and agreement >= AGREEMENT
    return Parity(hop, len(before), float(difference.max()), agreement, law, sound)


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
