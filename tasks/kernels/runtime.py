"""ONNX Runtime: run an ONNX file, describe it, and rewrite it in eight bits. The one door to that runtime."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

from tasks.kernels import graphs
from tasks.kernels.host import host as host
from tasks.kernels.host import host_name as host_name
from tasks.kernels.quantization import FORMATS, Calibration, Range, Variant, clipped, extremes

Array = NDArray[Any]
Provider = Literal["cpu", "cuda"]
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}

onnxruntime.disable_telemetry_events()
onnxruntime.set_default_logger_severity(3)


def available(provider: Provider) -> bool:
    """Whether the installed runtime has the execution provider at all."""
    return _PROVIDERS[provider] in onnxruntime.get_available_providers()


def open_session(
    model: Path | bytes, threads: int = 1, provider: Provider = "cpu", optimized: bool = True
) -> onnxruntime.InferenceSession:
    """A session with its threads pinned down: `threads` inside an operator, operators one after another.

    Raises RuntimeError where the runtime cannot give the provider (it would fall back silently).
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimized else levels.ORT_DISABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if threads > 1 else "0")
    # Sessions that wait for their turn must not spin on the cores of the one that is timed.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if not available(provider):
        raise RuntimeError(f"this ONNX Runtime has no {_PROVIDERS[provider]}")
    source = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(source, options, providers=[_PROVIDERS[provider]])
    if session.get_providers()[0] != _PROVIDERS[provider]:
        raise RuntimeError(f"{_PROVIDERS[provider]} did not start on this machine")
    return session


def predict(
    model: Path | bytes,
    inputs: Mapping[str, Array],
    batch: int = 256,
    threads: int = 1,
    provider: Provider = "cpu",
    optimized: bool = True,
) -> Array:
    """The first output for all examples, run `batch` at a time (a file with a fixed batch decides itself).

    `inputs` maps input names to arrays whose first axis counts examples; text is an array of str objects.
    """
    session = open_session(model, threads, provider, optimized)
    fixed = session.get_inputs()[0].shape[:1]
    step = fixed[0] if fixed and isinstance(fixed[0], int) else batch
    first = [session.get_outputs()[0].name]
    parts = (slice(at, at + step) for at in range(0, len(next(iter(inputs.values()))), step))
    run = [session.run(first, {name: np.asarray(array[part]) for name, array in inputs.items()}) for part in parts]
    return np.concatenate([outputs[0] for outputs in run])


@dataclass(frozen=True)
class Tensor:
    """An input or output: text as shape entry is a dimension's name, None one without."""

    name: str
    shape: tuple[int | str | None, ...]
    dtype: str
    """A numpy name, or `string`."""


@dataclass(frozen=True)
class Description:
    """What a file takes, gives, weighs and computes."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    bytes: int
    parameters: int
    """Elements of its constants, without shapes and without scales and zero points of quantization."""
    nonzeros: int
    """Those that stand for another number than 0."""
    macs: int
    """Multiply-accumulates of one example in convolutions and matrix products."""


def describe(model: Path | bytes) -> Description:
    """Counts a file's constants, and its multiply-accumulates on one example (of zeros and empty text)."""
    proto = _load(model)
    session = open_session(model, optimized=False)
    inputs = tuple(_tensor(item) for item in session.get_inputs())
    parameters, nonzeros = graphs.count(proto.graph.node, _constants(proto), _axis)
    return Description(
        inputs,
        tuple(_tensor(item) for item in session.get_outputs()),
        len(model) if isinstance(model, bytes) else model.stat().st_size,
        parameters,
        nonzeros,
        _macs(proto, {tensor.name: _zeros(tensor) for tensor in inputs}),
    )


def metadata(model: Path | bytes) -> dict[str, str]:
    """The file's own remarks by key, such as the names of its classes."""
    return {entry.key: entry.value for entry in _load(model).metadata_props}


def quantizable(model: bytes) -> list[str]:
    """Names of the operators that `quantize` can turn into eight bits, in the graph's order."""
    proto = _load(model)
    return graphs.quantizable(proto.graph.node, _constants(proto))


def fuse(model: bytes) -> bytes:
    """The file after the runtime's basic rewriting: batch norm folded, biases joined, types inferred."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fused.onnx"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return _dump(_tidy(onnx.shape_inference.infer_shapes(onnx.load(path)), _load(model)))


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
    proto = _load(fused)
    constants = _constants(proto)
    names = graphs.activations(proto.graph.node, graphs.riding(proto.graph.node, nodes, constants), constants)
    floats = {item.name for item in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output)
              if item.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}  # fmt: skip
    names = [name for name in names if name in floats]
    session = _exposed(proto, names)

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

    proto = _load(fused)
    names = graphs.riding(proto.graph.node, nodes, _constants(proto))
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
    return _dump(_tidy(written, _load(fused)))


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


def _load(model: Path | bytes) -> onnx.ModelProto:
    return onnx.load_from_string(model) if isinstance(model, bytes) else onnx.load(model)


def _dump(proto: onnx.ModelProto) -> bytes:
    return bytes(proto.SerializeToString(deterministic=True))


def _tensor(item: Any) -> Tensor:
    dtype = item.type.removeprefix("tensor(").removesuffix(")")
    return Tensor(item.name, tuple(item.shape), {"float": "float32", "double": "float64"}.get(dtype, dtype))


def _zeros(tensor: Tensor) -> Array:
    shape = tuple(size if isinstance(size, int) else 1 for size in tensor.shape)
    return np.full(shape, "", dtype=object) if tensor.dtype == "string" else np.zeros(shape, tensor.dtype)


def _constants(proto: onnx.ModelProto) -> dict[str, Array]:
    """Initializers and constant nodes by the name of their tensor."""
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found


def _axis(node: Any) -> int:
    return next((int(item.i) for item in node.attribute if item.name == "axis"), 1)


def _macs(proto: onnx.ModelProto, example: Mapping[str, Array]) -> int:
    """Runs one example to learn the shapes: right in quantized graphs, too, where inference may give up."""
    wanted = [(node.op_type, graphs.operands(node)) for node in proto.graph.node if node.op_type in graphs.OPERANDS]
    known = {name: array.shape for name, array in {**_constants(proto), **example}.items()}
    names = sorted({name for _, around in wanted for name in around} - known.keys())
    if names:
        outputs = _exposed(proto, names).run(names, dict(example))
        known |= {name: array.shape for name, array in zip(names, outputs, strict=True)}
    examples = int(next(iter(example.values())).shape[0])
    return sum(graphs.macs(operator, *(known[name] for name in around)) for operator, around in wanted) // examples


def _exposed(proto: onnx.ModelProto, names: Sequence[str]) -> Any:
    """A session of the graph as it stands, with the named tensors among its outputs."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    present = {item.name for item in copy.graph.output}
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in present)
    return open_session(copy.SerializeToString(), optimized=False)
