"""Graphs inside If, Loop and Scan: what they read from outside, what they hold, and what every pass does to them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from support import branching_files, onnx_files
from support.branching_files import CLASSES, WIDTH

from tasks.kernels.onnx import description, foreign_models, serialization, sessions, sparse_storage, subgraphs
from tasks.kernels.onnx_passes import cleanup, float16, int8_variants, static_quantization, weight_only_quantization
from tasks.kernels.onnx_passes.int8_variants import Setting

KINDS = ("if", "nested", "loop", "scan")
LAYER, OUTSIDE = WIDTH * WIDTH, 3 * WIDTH * WIDTH + WIDTH * CLASSES + CLASSES + 3
"""Weights of a layer; of the layers outside with their bias, and three numbers."""


def settled(kind: str) -> bytes:
    return foreign_models.normalize_graph(branching_files.branching_file(kind))


def answers(model: bytes, largest: float = 2.0) -> np.ndarray:
    return sessions.predict(model, branching_files.branching_rows(16, largest))


def differ(model: bytes, origin: bytes, largest: float = 2.0) -> float:
    """Root mean squared difference of the answers, as a share of their standard deviation; checks the file, too."""
    onnx.checker.check_model(onnx.load_from_string(model))
    before, after = answers(origin, largest), answers(model, largest)
    return float(np.sqrt(np.mean((after - before) ** 2)) / before.std())


def inner_weights(model: bytes) -> list[bytes]:
    graphs = list(subgraphs.graphs_of(onnx.load_from_string(model).graph))[1:]
    return sorted(numpy_helper.to_array(each).tobytes() for graph in graphs for each in graph.initializer)


def test_what_an_operator_reads_includes_what_its_graphs_read_from_outside() -> None:
    nodes = onnx.load_from_string(branching_files.branching_file("nested")).graph.node
    outer = next(node for node in nodes if node.op_type == "If")
    assert list(outer.input) == ["flag"]
    assert sorted(subgraphs.outer_reads(outer)) == ["d", "flag", "shared"]
    scan = onnx.load_from_string(branching_files.branching_file("scan")).graph.node[8]
    assert subgraphs.names_read(scan) == ["zeros", "d", "shared"]


def test_every_operator_of_every_graph_gets_a_name_of_its_own() -> None:
    proto = onnx.load_from_string(settled("nested"))
    names = [node.name for node in subgraphs.nodes_of(proto)]
    assert len(list(subgraphs.graphs_of(proto.graph))) == 5
    assert len(names) == len(set(names)) == 12 + 5
    assert {"outer", "last"} < set(names)


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_graphs_come_back_as_they_were(kind: str) -> None:
    model = settled(kind)
    proto = onnx.load_from_string(model)
    bodies = subgraphs.hide_subgraphs(proto)
    assert [len(bodies), len(list(subgraphs.graphs_of(proto.graph)))] == [1, 1]
    subgraphs.restore_subgraphs(proto, bodies)
    assert serialization.dump(proto) == serialization.dump(onnx.load_from_string(model))


def test_a_tensor_renamed_outside_is_renamed_inside() -> None:
    proto = onnx.load_from_string(settled("nested"))
    bodies = subgraphs.hide_subgraphs(proto)
    for node in proto.graph.node:
        for field in (node.input, node.output):
            field[:] = ["moved" if name == "d" else name for name in field]
    subgraphs.restore_subgraphs(proto, bodies)
    assert differ(serialization.dump(proto), settled("nested")) == 0


def test_constants_and_operations_inside_are_counted() -> None:
    found = {kind: description.describe(branching_files.branching_file(kind)) for kind in KINDS}
    inside = {"if": 2 * LAYER, "nested": 2 * LAYER, "loop": LAYER, "scan": 0}
    assert {kind: each.parameters for kind, each in found.items()} == {
        kind: OUTSIDE + count for kind, count in inside.items()
    }
    # An example of zeros takes the second branch: a layer in the If, none in the nested one. The loop has three rounds.
    products = 3 * LAYER + WIDTH * CLASSES
    rounds = {"if": 1, "nested": 0, "loop": 3, "scan": 0}
    assert {kind: each.macs for kind, each in found.items()} == {
        kind: products + count * LAYER for kind, count in rounds.items()
    }
    assert description.count_operators(branching_files.branching_file("loop")) == 12 + 4


def test_the_scale_of_a_weight_inside_may_lie_outside() -> None:
    """A weight of 8 bits in a branch, whose scale (no parameter) and zero point belong to the graph around it."""
    inside = helper.make_graph(
        [helper.make_node("DequantizeLinear", ["stored", "scale", "zero"], ["made"])], "inside", [],
        [helper.make_tensor_value_info("made", onnx_files.FLOAT, [3])],
        [numpy_helper.from_array(np.array([7, 8, 7], np.uint8), "stored")],
    )  # fmt: skip
    node = helper.make_node("If", ["flag"], ["y"], then_branch=inside, else_branch=inside)
    graph = helper.make_graph(
        [node], "net", [helper.make_tensor_value_info("flag", onnx.TensorProto.BOOL, [1])],
        [helper.make_tensor_value_info("y", onnx_files.FLOAT, [3])],
        [numpy_helper.from_array(np.float32(0.1), "scale"), numpy_helper.from_array(np.uint8(7), "zero")],
    )  # fmt: skip
    model = onnx_files.model(graph, 17, 8).SerializeToString()
    found = description.describe(model)
    assert (found.parameters, found.nonzeros) == (2 * 3, 2 * 1)
    assert foreign_models.is_rounded(model)


@pytest.mark.parametrize("kind", KINDS)
def test_cleaning_keeps_the_answers(kind: str) -> None:
    model = settled(kind)
    cleaned = cleanup.without_shapes(cleanup.clean(model))
    assert max(differ(cleaned, model, largest) for largest in (0.5, 2.0)) < 1e-6
    assert description.count_operators(cleaned) <= description.count_operators(model)
    assert not any(graph.value_info for graph in subgraphs.graphs_of(onnx.load_from_string(cleaned).graph))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variant", ["u8s8_reduced", "dynamic"])
def test_eight_bits_outside_and_float_inside(kind: str, variant: str) -> None:
    model = settled(kind)
    source = int8_variants.source(model, pixels=False)
    assert source is not None
    nodes, rows = static_quantization.quantizable(source.graph), [branching_files.branching_rows(16)]
    ranges = static_quantization.collect_ranges(source.graph, nodes, rows, "minmax")
    eight = int8_variants.build_variant(source.graph, nodes, ranges, Setting(variant, True, "minmax"))  # type: ignore[arg-type]
    assert len(nodes) == 4
    assert differ(eight, model) < 0.05
    assert inner_weights(eight) == inner_weights(model)
    assert len(model) - len(eight) > 2.5 * 3 * LAYER
    inside = {"if": 2, "nested": 2, "loop": 1, "scan": 0}
    assert len(static_quantization.inner_products(source.graph)) == inside[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_halves_outside_and_float_inside(kind: str) -> None:
    model = settled(kind)
    fused = static_quantization.fuse(cleanup.clean(model))
    names = list(float16.float16_candidates(fused))
    assert not {"If", "Loop", "Scan"} & set(float16.float16_candidates(fused).values())
    assert max(float16.magnitudes(fused, names, [branching_files.branching_rows(16)]).values()) < float16.LARGEST
    half = float16.convert_to_float16(fused, names)
    assert max(differ(half, model, largest) for largest in (0.5, 2.0)) < 0.002
    assert inner_weights(half) == inner_weights(model)
    assert len(model) - len(half) > 1.9 * 3 * LAYER


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_eight_bits_outside_and_float_inside(kind: str) -> None:
    model = settled(kind)
    fused = static_quantization.fuse(cleanup.clean(model))
    small = weight_only_quantization.quantize_weights(fused, weight_only_quantization.shrinking(fused, 8, 32), 8, 32)
    assert max(differ(small, model, largest) for largest in (0.5, 2.0)) < 0.05
    assert inner_weights(small) == inner_weights(model)


def test_a_packed_constant_is_read_from_inside() -> None:
    """The branch reads `shared` from outside; here it is large and mostly zero."""
    proto = onnx.load_from_string(settled("if"))
    shared = next(tensor for tensor in proto.graph.initializer if tensor.name == "shared")
    values = np.where(np.arange(WIDTH) % 4, 0, 0.5).astype(np.float32)
    shared.CopyFrom(numpy_helper.from_array(values, "shared"))
    model = proto.SerializeToString()
    packed = sparse_storage.pack_weights(model, ["shared"])
    assert len(packed) != len(model)
    assert differ(packed, model, 0.5) == 0


def test_an_operator_set_that_only_a_branch_uses_stays() -> None:
    proto = onnx.load_from_string(settled("if"))
    branch = list(subgraphs.graphs_of(proto.graph))[1]
    branch.node[-1].output[0] = "before"
    branch.node.append(helper.make_node("Gelu", ["before"], [branch.output[0].name], "gelu", domain="com.microsoft"))
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    model = proto.SerializeToString()
    assert differ(cleanup.clean(model), model) < 1e-6
    assert {entry.domain for entry in onnx.load_from_string(cleanup.clean(model)).opset_import} >= {"com.microsoft"}
