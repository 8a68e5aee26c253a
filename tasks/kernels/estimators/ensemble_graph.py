"""Ensemble graph: several models on the same raw columns as one graph with one answer.

The members have the interface of `conversion.convert_estimator`: `label` and `probabilities`, or `prediction`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper, version_converter

from tasks.kernels.estimators.combination import LEAST_SHARE, Combination, Floats
from tasks.kernels.estimators.graph_interface import BATCH, ML_DOMAIN, declare_domain, free_name
from tasks.kernels.onnx.subgraphs import names_read, outer_reads

OPSET = 18
"""The operator set of an ensemble's graph; members with an older one are raised to it."""


def join_members(
    members: Sequence[onnx.ModelProto], combination: Combination, classes: Sequence[str] = ()
) -> onnx.ModelProto:
    """One graph of all members and of the combination of their answers, with the interface of a member.

    What members have in common, as the encoding of a column, is in it once.

    Args:
        members: models on the same raw inputs.
        combination: how their answers become one.
        classes: the names of the classes; none for regression.
    """
    raised = [_raised(member) for member in members]
    joined = onnx.ModelProto()
    joined.CopyFrom(raised[0])
    graph = joined.graph
    del graph.node[:], graph.initializer[:], graph.output[:], graph.value_info[:]
    answers = []
    for number, member in enumerate(raised):
        inner = compose.add_prefix(member, f"m{number}/", rename_inputs=False)
        graph.node.extend(inner.graph.node)
        graph.initializer.extend(inner.graph.initializer)
        answers.append(inner.graph.output[-1].name)
    _add_combination(graph, answers, combination, bool(classes))
    names = [each.name for each in graph.input]
    final = [free_name(each, names) for each in (("label", "probabilities") if classes else ("prediction",))]
    graph.node[-1].output[0] = final[-1]
    if classes:
        _add_label(graph, final[-1], final[0], classes)
    graph.output.append(helper.make_tensor_value_info(final[-1], TensorProto.FLOAT, [BATCH, len(classes) or 1]))
    declare_domain(joined)
    _drop_unread(graph)
    _merge_equal(graph)
    return joined


def _raised(member: onnx.ModelProto) -> onnx.ModelProto:
    declared = next(each.version for each in member.opset_import if not each.domain)
    return member if declared >= OPSET else version_converter.convert_version(member, OPSET)


def _add_combination(graph: onnx.GraphProto, answers: Sequence[str], combination: Combination, classes: bool) -> None:
    """Adds the nodes of the combination; the last one gives the answer."""

    def constant(name: str, values: Floats) -> str:
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), f"joined/{name}"))
        return f"joined/{name}"

    def add(kind: str, *inputs: str, **attributes: int) -> str:
        name = f"joined/{len(graph.node)}"
        graph.node.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    if combination.bias is None:
        parts = [add("Mul", each, constant(f"weight_{at}", combination.weights[at])) for at, each in enumerate(answers)]
        add("Sum", *parts)
        return
    stacked = add("Concat", *answers, axis=1)
    if classes:
        stacked = add("Log", add("Max", stacked, constant("least", np.array(LEAST_SHARE))))
    scores = add("Gemm", stacked, constant("weights", combination.weights), constant("bias", combination.bias))
    if classes:
        add("Softmax", scores, axis=1)


def _add_label(graph: onnx.GraphProto, probabilities: str, label: str, classes: Sequence[str]) -> None:
    """Adds the name of the likeliest class, (batch,)."""
    number = "joined/class"
    graph.node.append(helper.make_node("ArgMax", [probabilities], [number], name=number, axis=1, keepdims=0))
    keys, names = list(range(len(classes))), list(classes)
    node = helper.make_node("LabelEncoder", [number], [label], domain=ML_DOMAIN, keys_int64s=keys, values_strings=names)
    graph.node.append(node)
    graph.output.append(helper.make_tensor_value_info(label, TensorProto.STRING, [BATCH]))


def _drop_unread(graph: onnx.GraphProto) -> None:
    """Leaves out nodes whose outputs nothing reads, such as those of the members' labels."""
    needed = {each.name for each in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(names_read(node))
    read = [each for each in graph.initializer if each.name in needed]
    _keep(graph, kept[::-1], read)


def _keep(graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto], constants: Sequence[onnx.TensorProto]) -> None:
    """Leaves out all other nodes and constants."""
    kept = onnx.GraphProto(node=nodes, initializer=constants)
    graph.ClearField("node")
    graph.ClearField("initializer")
    graph.MergeFrom(kept)


def _merge_equal(graph: onnx.GraphProto) -> None:
    """Keeps one of several constants or nodes that are equal and read the same."""
    fixed = {each.name for each in graph.output}.union(*map(outer_reads, graph.node))
    same, seen = dict[str, str](), dict[bytes, list[str]]()
    constants, kept = [], []
    for tensor in graph.initializer:
        first = seen.setdefault(_content(tensor, "name"), [tensor.name])[0]
        if first == tensor.name or tensor.name in fixed:
            constants.append(tensor)
        else:
            same[tensor.name] = first
    for node in graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
        firsts = seen.setdefault(_content(node, "name", "output"), list(node.output))
        if firsts == list(node.output) or len(firsts) != len(node.output) or fixed.intersection(node.output):
            kept.append(node)
        else:
            same.update(zip(node.output, firsts, strict=True))
    _keep(graph, kept, constants)


def _content(part: onnx.NodeProto | onnx.TensorProto, *names: str) -> bytes:
    """The bytes of a node or constant without the fields that name it."""
    copy = type(part)()
    copy.CopyFrom(part)
    for name in names:
        copy.ClearField(name)
    return bytes(copy.SerializeToString(deterministic=True))
