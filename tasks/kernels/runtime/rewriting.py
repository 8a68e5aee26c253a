"""Rewriting: an ONNX file fused, its activations' ranges collected, and the same file in eight bits."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from tasks.kernels import graphs
from tasks.kernels.quantization import FORMATS, Calibration, Range, Variant, clipped, extremes
from tasks.kernels.runtime.files import constants, dump, exposed, load
from tasks.kernels.runtime.sessions import Array


def quantizable(model: bytes) -> list[str]:
    """Names of the operators that `quantize` can turn into eight bits, in the graph's order."""
    proto = load(model)
    return graphs.quantizable(proto.graph.node, constants(proto))


def fuse(model: bytes) -> bytes:
    """The file after the runtime's basic rewriting: batch norm folded, biases joined, types inferred."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fused.onnx"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return dump(_tidy(onnx.shape_inference.infer_shapes(onnx.load(path)), load(model)))


def collect_ranges(
    fused: bytes,
    nodes: Collection[str],
    batches: Sequence[Mapping[str, Array]],
    method: Calibration,
    step: int = 8,
) -> dict[str, Range]:
    """Ranges of the activations around `nodes` (names in the fused graph) and the nodes that ride along.

    NaN among the values gives NaN as range. Runs `step` examples at a time, so that little memory holds all
    activations.
    """
    proto = load(fused)
    known = constants(proto)
    names = graphs.activations(proto.graph.node, graphs.riding(proto.graph.node, nodes, known), known)
    floats = {item.name for item in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output)
              if item.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}  # fmt: skip
    names = [name for name in names if name in floats]
    session = exposed(proto, names)

    def parts() -> Iterator[dict[str, Array]]:
        for batch in batches:
            for at in range(0, len(next(iter(batch.values()))), step):
                piece = {name: np.asarray(array[at : at + step]) for name, array in batch.items()}
                yield dict(zip(names, session.run(names, piece), strict=True))

    full = extremes(parts())
    if method == "minmax" or not all(np.isfinite(limits).all() for limits in full.values()):
        return full
    return clipped(parts(), full, method)


def quantize(
    fused: bytes,
    nodes: Collection[str],
    ranges: Mapping[str, Range],
    variant: Variant,
    per_channel: bool = True,
) -> bytes:
    """The fused file with `nodes`, and what rides along, in eight bits (QDQ). Deterministic; needs no data.

    Raises KeyError, naming the tensor, when a range is missing.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantType
    from onnxruntime.quantization.calibrate import TensorData, TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    proto = load(fused)
    names = graphs.riding(proto.graph.node, nodes, constants(proto))
    known = {
        name: TensorData(lowest=np.array(low, np.float32), highest=np.array(high, np.float32))
        for name, (low, high) in ranges.items()
    }
    form = FORMATS[variant]
    with _quiet():
        quantizer = QDQQuantizer(
            proto,
            per_channel,
            form.reduced,
            QuantType.QInt8 if form.signed_weights else QuantType.QUInt8,
            QuantType.QInt8 if form.signed_activations else QuantType.QUInt8,
            TensorsData(CalibrationMethod.MinMax, known),
            names,
            [],
            sorted({*graphs.QUANTIZED, *graphs.RIDERS}),
            {},
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()
    written = quantizer.model.model
    _keep_answers_float(written, names)
    del written.graph.value_info[:]
    return dump(_tidy(written, load(fused)))


def _tidy(written: onnx.ModelProto, origin: onnx.ModelProto) -> onnx.ModelProto:
    """Gives a rewritten file the origin's metadata back, and only the operator sets that it uses."""
    written.producer_name, written.producer_version = origin.producer_name, origin.producer_version
    del written.metadata_props[:]
    written.metadata_props.extend(origin.metadata_props)
    used = {"", *(node.domain for node in written.graph.node)}
    kept = [entry for entry in written.opset_import if entry.domain in used]
    del written.opset_import[:]
    written.opset_import.extend(kept)
    return written


def _keep_answers_float(proto: onnx.ModelProto, names: Collection[str]) -> None:
    """Takes out the rounding of matrix products that nothing in eight bits reads."""
    graph = proto.graph
    for before, after in graphs.needless(graph.node, names):
        exact, rounded = before.input[0], after.output[0]
        graph.node.remove(before)
        graph.node.remove(after)
        for node in graph.node:
            for field in (node.input, node.output):
                for index, name in enumerate(field):
                    if name == exact:
                        field[index] = rounded
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the quantizer's remarks, which it makes on the root logger, out of the caller's log."""
    root, handler = logging.getLogger(), logging.NullHandler()

    def foreign(record: logging.LogRecord) -> bool:
        return "onnxruntime" not in record.pathname

    # With a handler in place, logging.warning() does not install one of its own for good.
    root.addHandler(handler)
    root.addFilter(foreign)
    try:
        yield
    finally:
        root.removeFilter(foreign)
        root.removeHandler(handler)
