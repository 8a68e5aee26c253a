"""Foreign models: reads, checks and normalizes ONNX files made by others, without running them.

A problem with a file is raised as `Unusable`.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path

import onnx
import onnxruntime
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import checker, helper, version_converter
from onnxruntime.capi import onnxruntime_pybind11_state as engine

from tasks.kernels.onnx import external_data, graph_reading
from tasks.kernels.onnx.classic_models import settle_classic
from tasks.kernels.onnx.serialization import dump, load_proto
from tasks.kernels.onnx.sessions import open_session
from tasks.kernels.onnx.subgraphs import graphs_of, name_operators, nodes_of

OLDEST, COMMON = 7, 13
"""The oldest operator set that the runtime supports; and the one that older files are converted to, because
per-channel quantization needs it."""
FREE, IR = 4, 8
"""The first IR version (version of the file format) in which an initializer need not be an input, too: one that is
may be replaced by the caller, so the runtime cannot precompute with it. And the IR version older files get."""
ERRORS = (
    *(engine.Fail, engine.InvalidArgument, engine.InvalidGraph, engine.InvalidProtobuf),
    *(engine.NotImplemented, engine.RuntimeException),
)
"""Exceptions of the runtime for a file that it cannot load or run."""


class Unusable(ValueError):  # noqa: N818 - it is an answer about a file
    """A file cannot be used: the law it breaks, the value that breaks it, and the nearest remedy, where known."""

    def __init__(self, law: str, value: object = None, nearest: object = None) -> None:
        super().__init__(law)
        self.law, self.value, self.nearest = law, value, nearest


def read_foreign(path: Path) -> bytes:
    """The bytes of an ONNX file, unchanged except that its external data are embedded, and what `settle_classic` does.

    Raises:
        Unusable: the file is empty, truncated or no ONNX file; it fails ONNX's checker; its external data are
            missing or outside its folder; the runtime does not know its version or one of its operators.
    """
    data = path.read_bytes()
    proto = _parse(data)
    is_classic = settle_classic(proto, COMMON)
    try:
        data = dump(proto) if external_data.embed(proto, path.parent) or is_classic else data
    except ValueError as error:
        raise Unusable(str(error)) from error
    _check_versions(proto)
    try:
        checker.check_model(proto)
        open_session(data, optimized=False)
    except checker.ValidationError as error:
        raise _unknown(str(error)) or Unusable(f"fails ONNX's checker ({first_line(error)})") from error
    except ERRORS as error:
        raise _unknown(str(error)) or Unusable(f"cannot be loaded by ONNX Runtime ({first_line(error)})") from error
    return data


def _parse(data: bytes) -> onnx.ModelProto:
    if not data:
        raise Unusable("is empty")
    try:
        proto = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise Unusable("is no ONNX file, or it is cut off") from error
    if not proto.HasField("graph") or not proto.graph.node:
        raise Unusable("is no ONNX file, or it is cut off: it holds no graph")
    return proto


def _check_versions(proto: onnx.ModelProto) -> None:
    opset = opset_of(proto)
    if opset < OLDEST:
        law = f"must be written for operator set {OLDEST} or newer"
        raise Unusable(law, opset, f"export it again with operator set {COMMON} or newer")


def opset_of(proto: onnx.ModelProto) -> int:
    """The version of ONNX's own operator set that the graph uses; 0 when it does not say."""
    return next((int(entry.version) for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), 0)


def _unknown(said: str) -> Unusable | None:
    """An error of the runtime or the checker about an unknown version or operator, as Unusable; None for others."""
    version = f"ONNX Runtime {onnxruntime.__version__}"
    if found := re.search(r"IR version: (\d+), max supported IR version: (\d+)", said):
        return Unusable(f"must be of a form (IR version) that {version} knows", int(found[1]), int(found[2]))
    if found := re.search(r"ir_version (\d+) is higher than the checker's", said):
        return Unusable(f"must be of a form (IR version) that {version} knows", int(found[1]))
    if found := re.search(r"Opset (\d+) is under development.*till opset (\d+)", said, re.DOTALL):
        return Unusable(f"must be written for an operator set that {version} knows", int(found[1]), int(found[2]))
    if found := re.search(r"No Op registered for (\w+)|([\w.]+:\w+)\(-?\d+\) is not a registered", said):
        name = found[1] or found[2].removeprefix(":")
        known = sorted({schema.name for schema in onnx.defs.get_all_schemas()})
        near = get_close_matches(name, known, n=1, cutoff=0.7)
        law = f"must hold only operators that {version} knows, not ones of its makers' own"
        return Unusable(law, name, near[0] if near else None)
    if found := re.search(r"No opset import for domain '([^']*)'", said):
        return Unusable("must say the version of every domain of its operators; that of one is missing", found[1])
    return None


def first_line(error: Exception) -> str:
    """The first line of an error's message, without the runtime's error code and source location."""
    words = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", str(error))
    words = re.sub(r"^/\S+:\d+ .*?\) (?=[A-Z])|^/\S+:\d+: \w+: Assertion .*? failed: ", "", words)
    return next(iter(words.splitlines()), type(error).__name__)


def is_rounded(data: bytes) -> bool:
    """Whether the file computes with fewer than 32 bits, so that reordering operators changes its rounding."""
    proto = load_proto(data)
    eight = any(map(graph_reading.is_rounding, nodes_of(proto)))
    return eight or any(tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in external_data.constants_of(proto))


def normalize_graph(data: bytes) -> bytes:
    """The same graph in the form that the later steps expect.

    Every operator has a name that is unique over all graphs, and the operator set is 13 or newer. In files older than
    IR version 4, where all initializers must be listed as inputs, they are removed from the inputs. In newer files
    this would make the graph faster, so it is left to the technique `clean`.

    Raises:
        Unusable: an operator has no counterpart in operator set 13.
    """
    settled = load_proto(data)
    if opset_of(settled) < COMMON:
        settled = _raise(settled)
    graph = settled.graph
    if settled.ir_version < FREE:
        constants = {tensor.name for tensor in graph.initializer}
        inputs = [tensor for tensor in graph.input if tensor.name not in constants]
        del graph.input[:]
        graph.input.extend(inputs)
    settled.ir_version = max(settled.ir_version, IR)
    for each in graphs_of(graph):
        del each.value_info[:]  # these shapes need not be right, and are inferred again where they are needed
    name_operators(settled)
    return dump(settled)


def _raise(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The graph in the operator set COMMON; its metadata and other domains are kept."""
    try:
        raised = version_converter.convert_version(proto, COMMON)
    except (RuntimeError, version_converter.ConvertError, onnx.shape_inference.InferenceError) as error:
        law = f"must be written for operator set {COMMON}, and cannot be raised to it ({first_line(error)})"
        raise Unusable(law, opset_of(proto), f"export it again with operator set {COMMON} or newer") from error
    others = [entry for entry in proto.opset_import if entry.domain not in ("", "ai.onnx")]
    del raised.opset_import[:]
    raised.opset_import.extend([helper.make_opsetid("", COMMON), *others])
    del raised.metadata_props[:]
    raised.metadata_props.extend(proto.metadata_props)
    return raised
