"""Float16: converts the weights and operators between an ONNX file's first and last product to float16."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import onnx

from tasks.kernels.onnx.graph_reading import OPERANDS, OWN, operator_of
from tasks.kernels.onnx.serialization import constants, dump, load_proto, session_with_outputs
from tasks.kernels.onnx.sessions import Array
from tasks.kernels.onnx.subgraphs import hide_subgraphs, restore_subgraphs
from tasks.kernels.onnx_passes.finalize import finalize_graph
from tasks.kernels.onnx_passes.static_quantization import record_activations, session_batch
from tasks.kernels.quantization.number_formats import Range, extremes

STEP = 16
"""Examples run at a time, to bound the memory of the activations."""
LARGEST = float(np.finfo(np.float16).max)


def float16_candidates(fused: bytes) -> dict[str, str]:
    """The convolutions, matrix products and all operators between them: name → type, in the order of the graph.

    Operators before the first product preprocess the user's numbers, and those after the last one restore the unit
    of the output; both may exceed the range of float16. Operators with graphs inside and those of other domains than
    ONNX's own stay float32, too.
    """
    proto = load_proto(fused)
    hide_subgraphs(proto)
    nodes = proto.graph.node
    both = _reached(nodes) & _reached(nodes, backwards=True)
    return {node.name: operator_of(node) for node in nodes if node.name in both and node.domain in OWN}


def magnitudes(fused: bytes, names: Collection[str], batches: Sequence[Mapping[str, Array]]) -> dict[str, float]:
    """Largest magnitude of each float32 tensor that the named operators read or make: first the constants, then the
    activations on `batches` (inputs by name), each in the order of the graph."""
    proto = load_proto(fused)
    known = constants(proto)
    around = [name for node in proto.graph.node if node.name in names for name in (*node.input, *node.output)]
    fixed = {name: known[name] for name in around if name in known and known[name].dtype == np.float32}
    floats = {item.name for item in (*proto.graph.value_info, *proto.graph.output)
              if item.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}  # fmt: skip
    wanted = [name for name in dict.fromkeys(around) if name in floats and name not in fixed]
    session = session_with_outputs(proto, wanted)
    found: dict[str, Range] = {name: (float(array.min()), float(array.max())) for name, array in fixed.items()}
    found |= extremes(record_activations(session, wanted, batches, session_batch(session, STEP)))
    return {name: max(abs(low), abs(high)) for name, (low, high) in found.items()}


def convert_to_float16(fused: bytes, names: Collection[str]) -> bytes:
    """The fused file with the named operators, and the weights that only they read, in float16.

    The file's inputs and outputs keep their types; other operators stay float32, with casts between. Deterministic.
    """
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    origin, proto = load_proto(fused), load_proto(fused)
    bodies = hide_subgraphs(proto)
    kept = [node.name for node in origin.graph.node if node.name not in names]
    written = convert_float_to_float16(
        proto, keep_io_types=True, node_block_list=kept, op_block_list=DEFAULT_OP_BLOCK_LIST
    )
    _drop_twins(written.graph)
    _drop_round_trips(written.graph)
    ONNXModel(written).topological_sort()
    del written.graph.value_info[:]
    restore_subgraphs(written, bodies)
    return dump(finalize_graph(written, origin))


def _drop_twins(graph: onnx.GraphProto) -> None:
    """Removes repeated casts: the converter adds one for each float32 reader of a tensor, all of one name."""
    made: set[str] = set()
    for node in list(graph.node):
        if _casts_to(node, onnx.TensorProto.FLOAT) and node.output[0] in made:
            graph.node.remove(node)
        made.update(node.output)


def _drop_round_trips(graph: onnx.GraphProto) -> None:
    """Removes casts float32 → float16 → float32 between operators that stay float32: they would round and overflow."""
    half = {node.output[0]: node for node in graph.node if _casts_to(node, onnx.TensorProto.FLOAT16)}
    outputs = {item.name for item in graph.output}
    same = {}
    for node in list(graph.node):
        if not _casts_to(node, onnx.TensorProto.FLOAT) or node.input[0] not in half:
            continue
        before = half[node.input[0]]
        node.input[0] = before.input[0]
        # The converter gives this name to its casts after float32 operators; another cast may read integers.
        if before.name.endswith("_cast_to_fp16_node") and node.output[0] not in outputs:
            same[node.output[0]] = before.input[0]
            graph.node.remove(node)
    for node in graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
    read = {name for node in graph.node for name in node.input} | outputs
    for node in [node for node in half.values() if node.output[0] not in read]:
        graph.node.remove(node)


def _casts_to(node: onnx.NodeProto, kind: int) -> bool:
    return operator_of(node) == "Cast" and any(item.name == "to" and item.i == kind for item in node.attribute)


def _reached(nodes: Iterable[onnx.NodeProto], backwards: bool = False) -> set[str]:
    """Names of the products and of all operators after them; with `backwards`, before them."""
    tensors: set[str] = set()
    found = set()
    for node in reversed(list(nodes)) if backwards else nodes:
        near, far = (node.output, node.input) if backwards else (node.input, node.output)
        if operator_of(node) in OPERANDS or not tensors.isdisjoint(near):
            tensors.update(far)
            found.add(node.name)
    return found
