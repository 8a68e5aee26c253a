"""Graph interface: a converted graph gets the raw names of its inputs, the house's outputs and lasting names inside."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal

import onnx
from onnx import TensorProto, helper

from tasks.kernels.onnx.subgraphs import graphs_of

BATCH = "batch"
"""Name of the free first axis."""
ML_DOMAIN, ML_OPSET = "ai.onnx.ml", 3
"""The operator set of classic models."""
Kind = Literal["classifier", "regressor", "transformer"]
_OUTPUTS = {"classifier": ("label", "probabilities"), "regressor": ("prediction",), "transformer": ("features",)}


def with_interface(
    proto: onnx.ModelProto, names: Sequence[str], kind: Kind, classes: Sequence[str] = ()
) -> onnx.ModelProto:
    """The model with inputs called `names`, and the outputs that `conversion.convert_estimator` promises.

    Every other name is given anew, in the order of the graph, so that equal graphs have equal bytes; the marks of
    the producer are removed.

    Args:
        proto: a converted graph; its inputs are in the order of `names`, its outputs those of skl2onnx.
        names: the raw names of the inputs.
        kind: what was converted.
        classes: of a classifier, the names of the classes.
    """
    graph, outputs = proto.graph, [_copied(each) for each in proto.graph.output]
    wanted = [free_name(name, names) for name in _OUTPUTS[kind]]
    final = dict(zip((each.name for each in graph.input), names, strict=True))
    if _is_final(outputs[-1]):
        final[outputs[-1].name] = wanted[-1]
    lasting = _lasting_names(proto, final, {*names, *wanted})
    _rename(proto, lasting)
    graph.node.extend(_output_nodes(outputs[-1], lasting[outputs[-1].name], wanted[-1]))
    if kind == "classifier":
        graph.node.append(_class_names_node(lasting[outputs[0].name], wanted[0], classes))
        declare_domain(proto)
    width = {"classifier": len(classes), "regressor": 1}.get(kind) or _width(outputs[-1])
    _declare(graph, wanted, width)
    return _without_marks(proto)


def _copied(output: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    copy = onnx.ValueInfoProto()
    copy.CopyFrom(output)
    return copy


def free_name(name: str, taken: Sequence[str]) -> str:
    """The name, with underscores appended until it is none of those that are taken."""
    while name in taken:
        name += "_"
    return name


def _is_final(output: onnx.ValueInfoProto) -> bool:
    """Whether a tensor has the type of an output of the house: float32 of rank 2."""
    kind = output.type.tensor_type
    return kind.elem_type == TensorProto.FLOAT and len(kind.shape.dim) != 1


def _width(output: onnx.ValueInfoProto) -> int | str:
    """The size of the second axis; where it is unknown, a name for it."""
    sizes = output.type.tensor_type.shape.dim
    return (sizes[1].dim_value if len(sizes) == 2 else 0) or "width"


def _lasting_names(proto: onnx.ModelProto, final: Mapping[str, str], taken: set[str]) -> dict[str, str]:
    """Tensor name → new name, for all tensors of the model: those in `final`, then `t1`, `t2`, …"""
    lasting = {"": "", **final}
    numbers = (f"t{number}" for number in itertools.count(1))
    fresh = (name for name in numbers if name not in taken)
    for graph in graphs_of(proto.graph):
        inner = [*(each.name for each in graph.initializer), *(each.name for each in graph.input)]
        inner += [name for node in graph.node for name in (*node.input, *node.output)]
        for name in [*inner, *(each.name for each in graph.output)]:
            if name not in lasting:
                lasting[name] = next(fresh)
    return lasting


def _rename(proto: onnx.ModelProto, lasting: Mapping[str, str]) -> None:
    for graph in graphs_of(proto.graph):
        for each in (*graph.initializer, *graph.input, *graph.output):
            each.name = lasting[each.name]
        for node in graph.node:
            node.input[:] = [lasting[name] for name in node.input]
            node.output[:] = [lasting[name] for name in node.output]
        del graph.value_info[:]


def _output_nodes(output: onnx.ValueInfoProto, taken: str, given: str) -> list[onnx.NodeProto]:
    """The nodes that make numbers float32 (batch, width), where they are not yet."""
    if taken == given:
        return []
    rows = f"{taken}/rows"
    shape = helper.make_node("Constant", [], [f"{rows}/shape"], value_ints=[-1, 1])
    nodes = [helper.make_node("Cast", [taken], [given], to=TensorProto.FLOAT)]
    if len(output.type.tensor_type.shape.dim) == 1:
        nodes = [shape, helper.make_node("Reshape", [taken, *shape.output], [rows])]
        nodes.append(helper.make_node("Cast", [rows], [given], to=TensorProto.FLOAT))
    return nodes


def _class_names_node(taken: str, given: str, classes: Sequence[str]) -> onnx.NodeProto:
    """Class numbers → class names."""
    keys = list(range(len(classes)))
    return helper.make_node(
        "LabelEncoder", [taken], [given], domain=ML_DOMAIN, keys_int64s=keys, values_strings=list(classes)
    )


def declare_domain(proto: onnx.ModelProto) -> None:
    """Declares the operator set with `LabelEncoder`; skl2onnx declares the oldest that its own nodes can do with."""
    others = [each for each in proto.opset_import if each.domain != ML_DOMAIN]
    del proto.opset_import[:]
    proto.opset_import.extend([*others, helper.make_opsetid(ML_DOMAIN, ML_OPSET)])


def _declare(graph: onnx.GraphProto, outputs: Sequence[str], width: int | str) -> None:
    """Types and shapes of the inputs and outputs; the first axis is free."""
    del graph.output[:]
    if len(outputs) == 2:
        graph.output.append(helper.make_tensor_value_info(outputs[0], TensorProto.STRING, [BATCH]))
    graph.output.append(helper.make_tensor_value_info(outputs[-1], TensorProto.FLOAT, [BATCH, width]))
    for each in graph.input:
        each.type.tensor_type.shape.dim[0].dim_param = BATCH


def _without_marks(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model without names, versions and texts of its producer."""
    for field in ("producer_name", "producer_version", "domain", "model_version", "doc_string"):
        proto.ClearField(field)
    del proto.metadata_props[:]
    for graph in graphs_of(proto.graph):
        graph.ClearField("doc_string")
        for number, node in enumerate(graph.node):
            node.name = f"{node.op_type}_{number}"
            node.ClearField("doc_string")
    return proto
