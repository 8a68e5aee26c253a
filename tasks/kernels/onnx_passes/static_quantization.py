"""Static quantization: fuses an ONNX file, collects the ranges of its activations, and rewrites it in 8 bits."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from tasks.kernels.onnx import graph_reading
from tasks.kernels.onnx.serialization import constants, dump, load_proto, session_with_outputs
from tasks.kernels.onnx.sessions import Array
from tasks.kernels.onnx.subgraphs import flatten, hide_subgraphs, restore_subgraphs
from tasks.kernels.onnx_passes.finalize import drop_unused, finalize_graph, quiet
from tasks.kernels.quantization.number_formats import FORMATS, Calibration, Range, Variant, clipped_ranges, extremes

HISTOGRAM = 128
"""Examples that histograms are made from: some hundred thousand values of each tensor are enough."""


def quantizable(model: bytes) -> list[str]:
    """Names of the operators that `quantize` can convert to 8 bits, in the order of the graph."""
    return list(layer_names(model))


FOLDED = "ConvBnFusion_W_"
"""What the runtime puts before the name of a weight into which it folds a batch norm."""


def layer_names(model: bytes) -> dict[str, str]:
    """The names of `quantizable`, each with the layer's name in the network, as far as the weight's name shows it."""
    proto = load_proto(model)
    names = graph_reading.quantizable_nodes(proto.graph.node, constants(proto))
    weights = {node.name: node.input[1] for node in proto.graph.node if node.name in names}
    return {name: weights[name].rpartition("/")[2].removeprefix(FOLDED).removesuffix(".weight") for name in names}


def inner_products(model: bytes) -> list[str]:
    """Names of the convolutions and matrix products with constant weights inside If, Loop and Scan: all stay float."""
    proto = load_proto(model)
    outside = {node.name for node in proto.graph.node}
    return [name for name in graph_reading.quantizable_nodes(*flatten(proto)) if name not in outside]


def fuse(model: bytes) -> bytes:
    """The file after the runtime's basic optimizations: batch norms folded, biases fused, shapes inferred."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fused.onnx"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        proto = onnx.shape_inference.infer_shapes(onnx.load(path))
    _complete_types(proto)
    return dump(finalize_graph(proto, load_proto(model)))


def _complete_types(proto: onnx.ModelProto) -> None:
    """Adds the types of inner values behind operators that ONNX does not know, as the runtime infers them."""
    known = {item.name for item in (*proto.graph.value_info, *proto.graph.output)}
    missing = {name for node in proto.graph.node for name in node.output if name and name not in known}
    if not missing:
        return
    for item in session_with_outputs(proto, sorted(missing)).get_outputs():
        if item.name in missing and item.type.startswith("tensor("):
            kind = onnx.TensorProto.DataType.Value(item.type.removeprefix("tensor(").removesuffix(")").upper())
            # The runtime says [] for a shape that it does not know.
            info = helper.make_tensor_value_info(item.name, kind, item.shape or None)
            proto.graph.value_info.append(info)


def collect_ranges(
    fused: bytes,
    nodes: Collection[str],
    batches: Sequence[Mapping[str, Array]],
    method: Calibration,
    step: int = 8,
) -> dict[str, Range]:
    """Ranges of the activations that `nodes` (names in the fused graph) and their followers read or make, by name.

    For the followers see `graph_reading.with_followers`. `batches` holds inputs by name; `step` examples run at a
    time, to bound the memory of the activations. A NaN among the values makes the range NaN. The histograms of
    `entropy` and `percentile` use the first HISTOGRAM examples only.
    """
    proto = load_proto(fused)
    known = constants(proto)
    names = graph_reading.activations_of(
        proto.graph.node, graph_reading.with_followers(proto.graph.node, nodes, known), known
    )
    floats = {item.name for item in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output)
              if item.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}  # fmt: skip
    names = [name for name in names if name in floats]
    session = session_with_outputs(proto, names)

    step = session_batch(session, step)
    full = extremes(record_activations(session, names, batches, step))
    if method == "minmax" or not all(np.isfinite(limits).all() for limits in full.values()):
        return full
    parts = record_activations(session, names, batches, step)
    return clipped_ranges(islice(parts, HISTOGRAM // step), full, method)


def session_batch(session: onnxruntime.InferenceSession, usual: int) -> int:
    """The session's fixed batch size; `usual` when the batch is free."""
    fixed = session.get_inputs()[0].shape[:1]
    return fixed[0] if fixed and isinstance(fixed[0], int) else usual


def record_activations(
    session: onnxruntime.InferenceSession, names: Sequence[str], batches: Sequence[Mapping[str, Array]], step: int
) -> Iterator[dict[str, Array]]:
    """Yields the named tensors for all examples, `step` examples at a time."""
    for batch in batches:
        for at in range(0, len(next(iter(batch.values()))), step):
            piece = {name: np.asarray(array[at : at + step]) for name, array in batch.items()}
            yield dict(zip(names, session.run(list(names), piece), strict=True))


def quantize(
    fused: bytes,
    nodes: Collection[str],
    ranges: Mapping[str, Range],
    variant: Variant,
    per_channel: bool = True,
) -> bytes:
    """The fused file with `nodes` and their riders (`graph_reading.with_followers`) in 8 bits (QDQ). Deterministic.

    `ranges` is the result of `collect_ranges`; KeyError with the tensor's name when one is missing. Graphs inside
    operators stay as they are.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantType
    from onnxruntime.quantization.calibrate import TensorData, TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    proto = load_proto(fused)
    bodies = hide_subgraphs(proto)
    names = graph_reading.with_followers(proto.graph.node, nodes, constants(proto))
    products = graph_reading.matrix_products(proto.graph.node)
    known = {
        name: TensorData(lowest=np.array(low, np.float32), highest=np.array(high, np.float32))
        for name, (low, high) in ranges.items()
    }
    form = FORMATS[variant]
    with quiet():
        quantizer = QDQQuantizer(
            proto,
            per_channel,
            form.reduced,
            QuantType.QInt8 if form.signed_weights else QuantType.QUInt8,
            QuantType.QInt8 if form.signed_activations else QuantType.QUInt8,
            TensorsData(CalibrationMethod.MinMax, known),
            names,
            [],
            sorted({*graph_reading.QUANTIZED, *graph_reading.RIDERS}),
            {},
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()
    written = quantizer.model.model
    _keep_answers_float(written, names, products)
    del written.graph.value_info[:]
    restore_subgraphs(written, bodies)
    return dump(finalize_graph(written, load_proto(fused)))


def _keep_answers_float(proto: onnx.ModelProto, names: Collection[str], products: Collection[str]) -> None:
    """Removes the rounding after matrix products that no quantized operator reads."""
    graph = proto.graph
    for before, after in graph_reading.redundant_rounding(graph.node, names, products):
        exact, rounded = before.input[0], after.output[0]
        graph.node.remove(before)
        graph.node.remove(after)
        for node in graph.node:
            for field in (node.input, node.output):
                for index, name in enumerate(field):
                    if name == exact:
                        field[index] = rounded
    drop_unused(graph)
