"""Composition: a preprocessing graph and a network become one graph that takes the user's raw inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx
from onnx import TensorProto, checker, compose, helper

from tasks.kernels.onnx.serialization import dump
from tasks.kernels.onnx.target_nodes import restore_nodes
from tasks.kernels.statistics.target_map import TargetMap

FRONT, CORE = "preprocess/", "network/"
"""Prefixes of all names inside the two parts, so that the inputs can have any name (they are column names)."""


@dataclass(frozen=True)
class Answer:
    """The single output of an exported network, float32 (batch, width)."""

    source: str
    """Name of the network's output."""
    name: str
    """Its name in the product; an underscore is appended where an input has that name."""
    width: int
    unit: tuple[float, float] | None = None
    """(standard deviation, mean) of the targets: the output is `network's output * deviation + mean`."""
    target_map: TargetMap | None = None
    """The map of the targets, whose inverse comes last."""


def join(
    prefix: onnx.ModelProto,
    core: onnx.ModelProto,
    given: str,
    inputs: Sequence[str],
    answer: Answer,
    remarks: Mapping[str, str],
) -> bytes:
    """One ONNX file (bytes) of two graphs: the output `features` of `prefix` becomes the input `given` of `core`.

    The inputs of `prefix` get the names `inputs`; `answer` describes the output; `remarks` are the file's metadata.
    """
    _agree(prefix, core)
    merged = compose.merge_models(
        compose.add_prefix(prefix, FRONT),
        compose.add_prefix(core, CORE, rename_nodes=False),
        [(f"{FRONT}features", f"{CORE}{given}")],
    )
    _name_inputs(merged.graph, inputs)
    _give(merged.graph, f"{CORE}{answer.source}", answer)
    _list_once(merged)
    merged.producer_name = "paredown"
    return label(merged, remarks)


def put_before(
    prefix: onnx.ModelProto, core: onnx.ModelProto, given: str, inputs: Sequence[str], remarks: Mapping[str, str]
) -> bytes:
    """A network of others behind a preprocessing; its outputs keep their names, types and shapes.

    The output `features` of `prefix` becomes the input `given` of `core`, and the inputs of `prefix` get the names
    `inputs`. A tensor of `core` that has one of these names gets another; an output gets an underscore.
    """
    merged, behind = onnx.ModelProto(), onnx.GraphProto()
    merged.CopyFrom(core)
    behind.CopyFrom(core.graph)
    _agree(prefix, core)
    front = compose.add_prefix(prefix, FRONT)
    outputs, features = {tensor.name for tensor in behind.output}, f"{FRONT}features"
    clash = {name: f"{name}_" if name in outputs else f"{CORE}{name}" for name in inputs}
    rename_tensors(behind, {**clash, given: features})
    _name_inputs(front.graph, inputs)
    graph = merged.graph
    del graph.node[:], graph.initializer[:], graph.input[:]
    graph.node.extend([*front.graph.node, *behind.node])
    graph.initializer.extend([*front.graph.initializer, *behind.initializer])
    graph.input.extend([*front.graph.input, *(tensor for tensor in behind.input if tensor.name != features)])
    merged.opset_import.extend(front.opset_import)
    _list_once(merged)
    return label(merged, remarks)


def rename_tensors(graph: onnx.GraphProto, new: Mapping[str, str]) -> None:
    """Gives tensors other names, in the graph and in all graphs inside its operators."""
    for node in graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                rename_tensors(inner, new)
    for tensor in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        tensor.name = new.get(tensor.name, tensor.name)
    for sparse in graph.sparse_initializer:
        sparse.values.name = new.get(sparse.values.name, sparse.values.name)


def label(model: onnx.ModelProto, remarks: Mapping[str, str]) -> bytes:
    """The file (bytes) with `remarks` as its metadata, after ONNX's checker has seen it."""
    helper.set_model_props(model, dict(remarks))
    checker.check_model(model)
    return dump(model)


def _agree(prefix: onnx.ModelProto, core: onnx.ModelProto) -> None:
    """Gives the prefix the core's IR version and operator sets; its operators are the same in all of them."""
    prefix.ir_version = core.ir_version
    versions = {entry.domain: entry.version for entry in core.opset_import}
    for entry in prefix.opset_import:
        entry.version = versions.get(entry.domain, entry.version)


def _name_inputs(graph: onnx.GraphProto, names: Sequence[str]) -> None:
    """Renames the prefix's inputs to their names in the product."""
    new = {f"{FRONT}input_{index}": name for index, name in enumerate(names)}
    for tensor in graph.input:
        tensor.name = new.get(tensor.name, tensor.name)
    for node in graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]


def _give(graph: onnx.GraphProto, source: str, answer: Answer) -> None:
    """Makes `source` the graph's only output, with the name, type and unit of `answer`."""
    name = answer.name
    while name in {tensor.name for tensor in graph.input}:
        name += "_"
    last = name if answer.target_map is None else f"{CORE}mapped"
    if answer.unit is not None:
        for key, value in zip(("std", "mean"), answer.unit, strict=True):
            graph.initializer.append(helper.make_tensor(f"{CORE}target_{key}", TensorProto.FLOAT, (1, 1), [value]))
        graph.node.append(helper.make_node("Mul", [source, f"{CORE}target_std"], [f"{CORE}in_unit"]))
        graph.node.append(helper.make_node("Add", [f"{CORE}in_unit", f"{CORE}target_mean"], [last]))
    elif source != last:
        graph.node.append(helper.make_node("Identity", [source], [last]))
    if answer.target_map is not None:
        nodes, constants = restore_nodes(answer.target_map, last, name, f"{CORE}target/")
        graph.node.extend(nodes)
        graph.initializer.extend(constants)
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", answer.width]))


def _list_once(model: onnx.ModelProto) -> None:
    """Lists each used operator set once: merging lists it for both parts, which quantizers do not accept."""
    versions = {entry.domain: entry.version for entry in model.opset_import}
    used = {"", *_domains(model.graph.node)}
    for function in model.functions:
        used |= {function.domain, *_domains(function.node)}
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*each) for each in sorted(versions.items()) if each[0] in used)


def _domains(nodes: Iterable[onnx.NodeProto]) -> Iterator[str]:
    """The operator domains of the nodes, including inner graphs."""
    for node in nodes:
        yield node.domain
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _domains(graph.node)
