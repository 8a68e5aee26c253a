"""Sparse storage: mostly-zero constants stored as bit masks that the runtime itself restores when it loads a file.

The file contains the restoring as an ONNX function of standard operators, so any ONNX Runtime reads it. Since its
inputs are constants, the runtime computes it once when the file is opened, and then runs the dense network.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tasks.kernels.onnx import bitmasks
from tasks.kernels.onnx.serialization import MASKED, constants, dump, load_proto
from tasks.kernels.onnx.sessions import Array

OLDEST = 13
"""The first operator set in which every operator of the function has its present form."""
FUNCTIONS = 8
"""The first IR version (version of the file format) with functions."""


def savings(model: bytes) -> dict[str, int]:
    """Bytes that each constant would save as a bit mask, by name; only constants that would save any."""
    dense = _dense(load_proto(model))
    saved = {name: _cost(tensor) - sum(_cost(part) for part in _masked(tensor)) for name, tensor in dense.items()}
    return {name: count for name, count in saved.items() if count > 0}


def pack_weights(model: bytes, names: Collection[str]) -> bytes:
    """The file with the named constants stored as bit masks; their values do not change.

    Raises KeyError with the tensor's name when it cannot be packed, and ValueError for a file whose operator set is
    older than OLDEST.
    """
    proto = load_proto(model)
    version = next((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if version < OLDEST:
        raise ValueError(f"operator set {version} is older than {OLDEST}")
    dense, nodes = _dense(proto), []
    for name in sorted(names):
        node, *tensors = _masked(dense[name])
        nodes.append(node)
        proto.graph.initializer.remove(dense[name])
        proto.graph.initializer.extend(tensors)
    _forget_inputs(proto, names)
    behind = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend([*nodes, *behind])
    if not any(entry.domain == MASKED for entry in proto.opset_import):
        proto.opset_import.append(helper.make_opsetid(MASKED, 1))
        proto.functions.append(_function(version))
    proto.ir_version = max(proto.ir_version, FUNCTIONS)
    return dump(proto)


def largest(model: bytes, count: int = 3) -> list[str]:
    """Names of the `count` largest constants, the largest first."""
    sizes = {tensor.name: tensor.ByteSize() for tensor in load_proto(model).graph.initializer}
    return sorted(sizes, key=lambda name: -sizes[name])[:count]


def same_constants(before: bytes, after: bytes) -> bool:
    """Whether two files hold the same constants under the same names, however they are stored."""
    one, two = (constants(load_proto(model)) for model in (before, after))
    return one.keys() == two.keys() and all(_same(one[name], two[name]) for name in one)


def _same(one: Array, two: Array) -> bool:
    return one.dtype == two.dtype and np.array_equal(one, two, equal_nan=one.dtype.kind == "f")


def _dense(proto: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """The constants that can be packed, by name: of a plain number type, not scalar, empty, external or packed."""
    parts = {name for node in proto.graph.node if node.domain == MASKED for name in node.input}
    kinds = (
        *(TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE),
        *(TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32),
    )
    return {
        tensor.name: tensor
        for tensor in proto.graph.initializer
        if tensor.data_type in kinds
        and tensor.data_location != TensorProto.EXTERNAL
        and len(tensor.dims) > 0
        and 0 not in tensor.dims
        and tensor.name not in parts
    }


def _masked(tensor: onnx.TensorProto) -> tuple[onnx.NodeProto, onnx.TensorProto, onnx.TensorProto]:
    """The node that restores the constant under its own name, and its two inputs, bits and values."""
    bits, values = bitmasks.mask(numpy_helper.to_array(tensor))
    parts = [f"{tensor.name}.bits", f"{tensor.name}.values"]
    node = helper.make_node("Unmask", parts, [tensor.name], domain=MASKED, shape=[int(size) for size in tensor.dims])
    return node, numpy_helper.from_array(bits, parts[0]), numpy_helper.from_array(values, parts[1])


def _cost(part: onnx.NodeProto | onnx.TensorProto) -> int:
    """Bytes in the file, including the field's tag and length."""
    return int(part.ByteSize()) + 4


def _forget_inputs(proto: onnx.ModelProto, names: Collection[str]) -> None:
    """Removes the named constants from the graph's inputs, where old files list them, too."""
    for item in [item for item in proto.graph.input if item.name in names]:
        proto.graph.input.remove(item)


def _function(version: int) -> onnx.FunctionProto:
    """The ONNX function Unmask(bits uint8, values) → dense tensor of `shape`, see `bitmasks.unmask`.

    An entry is values[number of 1 bits so far] where its bit is 1, else values[0]. It computes in 32-bit integers
    because the runtime has no arithmetic on bytes.
    """

    def constant(name: str, numbers: list[int], kind: int = TensorProto.INT32) -> onnx.NodeProto:
        return helper.make_node("Constant", [], [name], value=helper.make_tensor(name, kind, [len(numbers)], numbers))

    shape = helper.make_node("Constant", [], ["shape"])
    shape.attribute.append(helper.make_attribute_ref("value_ints", onnx.AttributeProto.INTS, ref_attr_name="shape"))
    nodes = [
        shape,
        constant("powers", [2**place for place in range(8)]),
        constant("two", [2]),
        constant("column", [-1, 1], TensorProto.INT64),
        constant("flat", [-1], TensorProto.INT64),
        constant("start", [0], TensorProto.INT64),
        helper.make_node("Constant", [], ["axis"], value=helper.make_tensor("axis", TensorProto.INT64, [], [0])),
        helper.make_node("Cast", ["bits"], ["bytes"], to=TensorProto.INT32),
        helper.make_node("Reshape", ["bytes", "column"], ["rows"]),
        helper.make_node("Div", ["rows", "powers"], ["shifted"]),
        helper.make_node("Mod", ["shifted", "two"], ["matrix"]),
        helper.make_node("Reshape", ["matrix", "flat"], ["all"]),
        helper.make_node("ReduceProd", ["shape"], ["size"], keepdims=1),
        helper.make_node("Slice", ["all", "start", "size"], ["others"]),
        helper.make_node("CumSum", ["others", "axis"], ["counted"]),
        helper.make_node("Mul", ["counted", "others"], ["places"]),
        helper.make_node("Gather", ["values", "places"], ["entries"], axis=0),
        helper.make_node("Reshape", ["entries", "shape"], ["dense"]),
    ]
    opsets = [helper.make_opsetid("", version)]
    return helper.make_function(MASKED, "Unmask", ["bits", "values"], ["dense"], nodes, opsets, ["shape"])
