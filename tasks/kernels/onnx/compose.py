"""Composition: a preprocessing graph and a network become one graph that takes the user's raw inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx
from onnx import TensorProto, checker, compose, helper

from tasks.kernels.onnx.serialization import dump

FRONT, CORE = "preprocess/", "network/"
"""Prefixes of all names inside the two parts, so that the inputs can have any name (they are column names)."""


@dataclass(frozen=True)
class Answer:
    """The single output of a product, float32 (batch, width)."""

    source: str
    """Name of the network's output."""
    name: str
    """Its name in the product; an underscore is appended where an input has that name."""
    width: int
    batch: int | str = "batch"
    unit: tuple[float, float] | None = None
    """(standard deviation, mean) of the targets: the output is `network's output * deviation + mean`."""
    cast: bool = False
    """Whether the network's output has another type and must be cast to float32."""


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
    return _finish(merged, remarks)


def dress(core: onnx.ModelProto, answer: Answer, remarks: Mapping[str, str]) -> bytes:
    """A network without preprocessing as a product: `answer` is its only output, `remarks` are its metadata."""
    dressed = onnx.ModelProto()
    dressed.CopyFrom(core)
    _give(dressed.graph, answer.source, answer)
    return _finish(dressed, remarks)


def _finish(model: onnx.ModelProto, remarks: Mapping[str, str]) -> bytes:
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
    if answer.cast:
        graph.node.append(helper.make_node("Cast", [source], [f"{CORE}in_float"], to=TensorProto.FLOAT))
        source = f"{CORE}in_float"
    if answer.unit is not None:
        for key, value in zip(("std", "mean"), answer.unit, strict=True):
            graph.initializer.append(helper.make_tensor(f"{CORE}target_{key}", TensorProto.FLOAT, (1, 1), [value]))
        graph.node.append(helper.make_node("Mul", [source, f"{CORE}target_std"], [f"{CORE}in_unit"]))
        graph.node.append(helper.make_node("Add", [f"{CORE}in_unit", f"{CORE}target_mean"], [name]))
    elif source != name:
        graph.node.append(helper.make_node("Identity", [source], [name]))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [answer.batch, answer.width]))


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
