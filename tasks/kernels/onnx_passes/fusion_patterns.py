"""Fusion patterns: replaces groups of ONNX operators by fewer or faster ones with the same result.

Graphs are changed in place; they must be fused and have inferred shapes (`static_quantization.fuse`), and graphs
inside their operators must be hidden (`subgraphs.hide_subgraphs`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tasks.kernels.onnx.graph_reading import operator_of
from tasks.kernels.onnx.serialization import constants
from tasks.kernels.onnx.sessions import Array

WIDEST = 128
"""Most channels of a zero-padded shortcut that becomes a convolution: beyond, products cost more than copies."""


@dataclass
class GraphView:
    """A graph with lookup tables for the patterns, which describe it as it was before the first change."""

    graph: onnx.GraphProto
    constants: dict[str, Array]
    producers: dict[str, onnx.NodeProto]
    shapes: dict[str, tuple[int, ...]]
    """Shapes of the float tensors, by name; 0 for an unknown size."""
    shared: set[str]
    """Names of tensors that are outputs or have several readers."""

    def before(self, name: str, operator: str) -> onnx.NodeProto | None:
        """The node that makes the tensor `name`, if it is of type `operator` and the tensor has only one reader."""
        node = self.producers.get(name)
        return node if node is not None and operator_of(node) == operator and name not in self.shared else None

    def add(self, name: str, array: Array) -> str:
        """Adds a constant to the graph, unless there is one of this name, and returns its name."""
        if name not in self.constants:
            self.graph.initializer.append(numpy_helper.from_array(array, name))
            self.constants[name] = array
        return name


def view(proto: onnx.ModelProto) -> GraphView:
    """The view of a model's graph in its present state."""
    graph = proto.graph
    read = [name for node in graph.node for name in node.input] + [item.name for item in graph.output] * 2
    known = (*graph.value_info, *graph.input, *graph.output)
    return GraphView(
        graph,
        constants(proto),
        {name: node for node in graph.node for name in node.output},
        {item.name: tuple(size.dim_value for size in item.type.tensor_type.shape.dim)
         for item in known if item.type.tensor_type.elem_type == onnx.TensorProto.FLOAT},
        {name for name in read if read.count(name) > 1},
    )  # fmt: skip


def merge_slices(found: GraphView) -> None:
    """Merges a Slice of a Slice on other axes into one Slice. Exact."""
    for node in list(found.graph.node):
        first, *between = _slices(found, node) if operator_of(node) == "Slice" else (None,)
        if first is None:
            continue
        cuts = [_cut(found, each) for each in (first, node)]
        if not all(cuts) or {cut[2] for cut in cuts[0]} & {cut[2] for cut in cuts[1]}:
            continue
        columns = np.array([*cuts[0], *cuts[1]], np.int64).T
        names = [found.add(f"{node.output[0]}.cut_{at}", column) for at, column in enumerate(columns)]
        node.input[:] = [first.input[0], *names]
        for each in (first, *between):
            found.graph.node.remove(each)


def convolve_shortcuts(found: GraphView) -> None:
    """Replaces a shortcut without weights (strided Slice, then a Pad with zero channels) by a 1x1 convolution. Exact.

    The runtime keeps convolutions in its blocked layout and fuses the addition of their outputs; around a Slice or a
    Pad it returns to the plain layout.
    """
    for node in list(found.graph.node):
        slices, *between = _slices(found, node) if operator_of(node) == "Pad" else (None,)
        if slices is None:
            continue
        steps, pads = _steps(found, slices), _channel_pads(found, node)
        channels = (*found.shapes.get(slices.input[0], ()), 0, 0)[1]
        if steps is None or pads is None or not 0 < channels <= WIDEST:
            continue
        weight = np.zeros((channels + sum(pads), channels, 1, 1), np.float32)
        weight[pads[0] + np.arange(channels), np.arange(channels)] = 1
        inputs = [slices.input[0], _put_weight(found, node, f"{node.output[0]}.shortcut.weight", weight, slices)]
        conv = helper.make_node("Conv", inputs, list(node.output), node.name, kernel_shape=[1, 1], strides=steps)
        node.CopyFrom(conv)
        for each in (slices, *between):
            found.graph.node.remove(each)


def pool_means(found: GraphView) -> None:
    """Replaces a mean over height and width by GlobalAveragePool. Exact but for rounding."""
    for node in list(found.graph.node):
        shape = found.shapes.get(node.input[0], ()) if operator_of(node) == "ReduceMean" else ()
        if len(shape) != 4 or not shape[1]:
            continue
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        axes = attributes.get("axes", _constant(found, node, 1))
        if axes is None or sorted(int(axis) % 4 for axis in axes) != [2, 3]:
            continue
        keeps = attributes.get("keepdims", 1)
        pooled = node.output[0] if keeps else f"{node.output[0]}_pooled"
        name, output = node.name, node.output[0]
        node.CopyFrom(helper.make_node("GlobalAveragePool", [node.input[0]], [pooled], name))
        if not keeps:
            at = list(found.graph.node).index(node) + 1
            rounding = _rounding(found, output, pooled)
            flat = rounding[-1].output[0] if rounding else pooled
            for each in (*rounding, helper.make_node("Flatten", [flat], [output], f"{name}_flat", axis=1)):
                found.graph.node.insert(at, each)
                at += 1


def split_products(found: GraphView) -> None:
    """Replaces a Gemm with constant weights, without scaling or transA, by a MatMul (same name) and an Add. Exact."""
    for node in list(found.graph.node):
        weight = _constant(found, node, 1) if operator_of(node) == "Gemm" else None
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if (
            weight is None
            or any(attributes.get(name, 1) != 1 for name in ("alpha", "beta"))
            or attributes.get("transA")
        ):
            continue
        name, output, bias = node.input[1], node.output[0], list(node.input[2:])
        if attributes.get("transB"):
            name = found.add(f"{name}_transposed", np.ascontiguousarray(weight.T))
        product = f"{output}_product" if bias else output
        at = list(found.graph.node).index(node)
        node.CopyFrom(helper.make_node("MatMul", [node.input[0], name], [product], node.name))
        if bias:
            found.graph.node.insert(at + 1, helper.make_node("Add", [product, *bias], [output], f"{node.name}_sum"))


def share_decoding(found: GraphView) -> None:
    """Merges DequantizeLinear nodes with the same inputs into one. Exact."""
    outputs = {item.name for item in found.graph.output}
    first: dict[tuple[str, ...], str] = {}
    same: dict[str, str] = {}
    for node in [node for node in found.graph.node if operator_of(node) == "DequantizeLinear"]:
        key = (*node.input, str(sorted(str(item) for item in node.attribute)))
        name = first.setdefault(key, node.output[0])
        if name != node.output[0] and node.output[0] not in outputs:
            same[node.output[0]] = name
            found.graph.node.remove(node)
    for node in found.graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]


def share_constants(found: GraphView) -> None:
    """Merges constants of the same type, shape and values into one. Exact."""
    first: dict[Any, str] = {}
    outputs = {item.name for item in found.graph.output}
    same = {
        tensor.name: first.setdefault((array.dtype.str, array.shape, array.tobytes()), tensor.name)
        for tensor in found.graph.initializer
        if tensor.name not in outputs and (array := found.constants[tensor.name]).dtype != object
    }
    for node in found.graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]


def _constant(found: GraphView, node: onnx.NodeProto, place: int) -> Array | None:
    return found.constants.get(node.input[place]) if len(node.input) > place else None


def _slices(found: GraphView, node: onnx.NodeProto) -> tuple[onnx.NodeProto | None, ...]:
    """The Slice before a Slice or a Pad; in a quantized graph also the nodes of a rounding between without effect.

    (None,) when there is no such Slice.
    """
    direct = found.before(node.input[0], "Slice")
    decode = found.before(node.input[0], "DequantizeLinear")
    encode = found.before(decode.input[0], "QuantizeLinear") if decode is not None else None
    slices = found.before(encode.input[0], "Slice") if encode is not None else None
    first = found.producers.get(slices.input[0]) if slices is not None else None
    if decode is None or encode is None or first is None or operator_of(first) != "DequantizeLinear":
        return (direct,)
    grids = {tuple(str(found.constants.get(name)) for name in each.input[1:]) for each in (first, encode, decode)}
    return (slices, encode, decode) if len(grids) == 1 else (None,)


def _put_weight(found: GraphView, node: onnx.NodeProto, name: str, weight: Array, source: onnx.NodeProto) -> str:
    """Adds a weight of zeros and ones to the graph, in 8 bits where the input of `source` is; returns its name."""
    before = found.producers.get(source.input[0])
    if before is None or operator_of(before) != "DequantizeLinear":
        return found.add(name, weight)
    integers, one = found.add(name, weight.astype(np.int8)), found.add(f"{name}_scale", np.array(1, np.float32))
    zero, decoded = found.add(f"{name}_zero", np.array(0, np.int8)), f"{name}_decoded"
    decode = helper.make_node("DequantizeLinear", [integers, one, zero], [decoded], f"{name}_decoding")
    found.graph.node.insert(list(found.graph.node).index(node), decode)
    return decoded


def _rounding(found: GraphView, output: str, pooled: str) -> list[onnx.NodeProto]:
    """Nodes that round `pooled` as the only reader of `output` rounds it: the runtime fuses 8-bit pooling with them.

    Empty when the output is not quantized.
    """
    readers = [node for node in found.graph.node if output in node.input]
    if len(readers) != 1 or operator_of(readers[0]) != "QuantizeLinear":
        return []
    names, grid = [f"{pooled}_rounded", f"{pooled}_decoded"], list(readers[0].input[1:])
    encode = helper.make_node("QuantizeLinear", [pooled, *grid], names[:1], names[0])
    return [encode, helper.make_node("DequantizeLinear", [names[0], *grid], names[1:], names[1])]


def _cut(found: GraphView, node: onnx.NodeProto) -> list[tuple[int, ...]]:
    """(start, end, axis, step) of each sliced axis; empty when they are not constants."""
    starts, ends, axes, steps = (_constant(found, node, place) for place in range(1, 5))
    if starts is None or ends is None or axes is None or (axes < 0).any():
        return []
    strides = np.ones_like(starts) if steps is None else steps
    return [tuple(map(int, cut)) for cut in zip(starts, ends, axes, strides, strict=True)]


def _steps(found: GraphView, node: onnx.NodeProto) -> list[int] | None:
    """The steps over height and width of a Slice that takes every n-th pixel from the first; None for any other."""
    cuts = _cut(found, node)
    size = found.shapes.get(node.input[0], ())
    if len(size) != 4 or not cuts:
        return None
    for start, end, axis, step in cuts:
        if start or axis not in (2, 3) or step < 1 or end < (size[axis] or 2**31 - 1):
            return None
    taken = {axis: step for _, _, axis, step in cuts}
    return [taken.get(axis, 1) for axis in (2, 3)]


def _channel_pads(found: GraphView, node: onnx.NodeProto) -> tuple[int, int] | None:
    """The numbers of zero channels that a Pad puts before and after; None when it does anything else."""
    mode = next((item.s for item in node.attribute if item.name == "mode"), b"constant")
    pads, value, axes = (_constant(found, node, place) for place in range(1, 4))
    if mode != b"constant" or pads is None or pads.size != 8 or axes is not None or (value is not None and value.any()):
        return None
    before, behind = pads[1], pads[5]
    return (int(before), int(behind)) if pads.sum() == before + behind and min(pads) >= 0 else None
