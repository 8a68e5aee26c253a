"""int8: the choice of a variant, the contract of plan and apply, and what it says no to."""

from __future__ import annotations

from typing import Any

import contract
import numpy as np
import onnx
import pytest
from pydantic import ValidationError
from support import onnx_graphs, product_files

from tasks.core import Goal, InputError, Refusal
from tasks.kernels.onnx_passes import cleanup, static_quantization
from tasks.techniques import Batches, Fp16, WeightOnly
from tasks.techniques.quantization import int8_search, variant_comparison
from tasks.techniques.quantization.int8 import Int8


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variant_comparison, "SECONDS", 0.01)


def batches(count: int = 64) -> Batches:
    images = product_files.images(count)["image"]
    return [({"image": images[at : at + 16]}, np.zeros(16)) for at in range(0, count, 16)]


def row(
    variant: str, error: float, speedup: float, loss: float = 0.0, size: int = 100, agreement: float | None = 1.0
) -> dict[str, Any]:
    cost = {"speedup": speedup, "bytes": size}
    return {"variant": variant, "error": error, "loss": loss, "agreement": agreement, **cost}


def chosen(*tried: dict[str, Any], limits: tuple[float, ...] = (), prefer: Any = "latency") -> str:
    return str(variant_comparison.choose_variant(tried, limits, prefer)["variant"])


def test_choose_the_fastest_within_one_bit() -> None:
    """As without VNNI: u8u8 is exact and slow, u8s8 saturates, seven bits are fast and fine."""
    tried = [
        row("u8s8_reduced", 0.042, 1.4),
        row("u8s8", 0.20, 1.43),
        row("u8u8", 0.03, 0.9),
        row("s8s8", 0.2, 0.6),
        row("dynamic", 0.03, 0.4),
    ]
    assert chosen(*tried) == "u8s8_reduced"


def test_choose_the_most_exact_of_equally_fast_ones() -> None:
    assert chosen(row("u8s8_reduced", 0.042, 1.40), row("u8s8", 0.03, 1.36)) == "u8s8"
    assert chosen(row("u8s8_reduced", 0.042, 1.40), row("u8s8", 0.03, 1.1)) == "u8s8_reduced"


def test_choose_by_loss_too() -> None:
    """The fastest one loses 1.5 points more than the other; or 0.8, which is noise unless a limit is given."""
    assert chosen(row("u8s8", 0.03, 1.4, loss=0.016), row("u8u8", 0.03, 1.1, loss=0.001)) == "u8u8"
    tried = [row("u8s8", 0.03, 1.4, loss=0.009), row("u8u8", 0.03, 1.1, loss=0.001)]
    assert chosen(*tried) == "u8s8"
    assert chosen(*tried, limits=(0.005,)) == "u8u8"
    assert chosen(*tried, limits=(0.0,)) == "u8s8"
    assert chosen(*tried, limits=(0.0, 0.005)) == "u8u8", "the first limit that a variant keeps"


def test_choose_the_smallest_where_bytes_are_preferred() -> None:
    fast, small = row("u8s8", 0.03, 1.4, size=200), row("u8u8", 0.03, 0.8, size=150)
    assert [chosen(fast, small, prefer=each) for each in ("latency", "bytes")] == ["u8s8", "u8u8"]
    assert chosen(fast, small | {"bytes": 199}, prefer="bytes") == "u8s8", "a difference below a hundredth"


def test_choose_none_that_is_slower_and_larger() -> None:
    """The first is as fast within the noise and more exact, but the second loses no more answers."""
    one, two = row("u8s8_reduced", 0.03, 1.38, size=200), row("u8s8", 0.04, 1.4, size=150)
    assert chosen(one, two) == "u8s8"
    assert chosen(one, two | {"loss": 0.005}) == "u8s8_reduced"


def test_dynamic_is_not_the_bar_for_variants_that_quantize_more() -> None:
    exact, usual = row("dynamic", 0.005, 0.4), row("u8s8", 0.04, 1.4, loss=0.004)
    assert chosen(exact, usual) == "u8s8"
    assert chosen(exact, usual | {"loss": 0.03}) == "dynamic"
    assert chosen(exact, usual | {"loss": 0.03}, limits=(0.05,)) == "u8s8", "the goal accepts five points"


def test_none_that_answers_unlike_the_float_file_is_preferred_to_one_that_does_not() -> None:
    """The calibration targets may even be met more often: the answers still differ too much to be taken."""
    assert chosen(row("dynamic", 0.01, 0.4), row("u8s8", 0.5, 1.4, loss=-0.1, agreement=0.85)) == "dynamic"
    assert chosen(row("u8u8", 0.6, 0.9, 0.2, agreement=0.7), row("u8s8", 0.5, 1.4, 0.1, agreement=0.85)) == "u8s8"


def test_a_regression_has_a_limit_of_its_own() -> None:
    near, far = (row("u8s8", error, 1.4, loss=error, agreement=None) for error in (0.04, 0.2))
    exact = row("dynamic", 0.01, 0.4, loss=0.01, agreement=None)
    assert [chosen(exact, each) for each in (near, far)] == ["u8s8", "dynamic"]


def test_judge_by_hand() -> None:
    """Outputs 0, 2, 2, 0 have standard deviation 1; one of four is off by 2: root of mean square 1."""
    before, after = np.array([[0.0, 2.0], [2.0, 0.0]]), np.array([[0.0, 2.0], [2.0, 4.0]])
    answer = {"error": 2.0, "agreement": 0.5, "accuracy": None, "loss": 0.5}
    assert variant_comparison.judge_variant(before, after) == answer
    classes = np.array([1, 1])
    assert variant_comparison.judge_variant(before, after, classes) == {**answer, "accuracy": 1.0, "loss": -0.5}
    one = {"error": 0.0, "agreement": None, "accuracy": None, "loss": 0.0}
    assert variant_comparison.judge_variant(before[:, :1], after[:, :1]) == one


@pytest.mark.parametrize("calibration", ["minmax", "entropy", "percentile"])
def test_contract(calibration: Any) -> None:
    technique = Int8(calibration=calibration, variants=("u8s8", "s8s8"))
    plan = contract.check(technique, lambda seed: product_files.image_file(), batches())
    assert plan is not None
    first, *others = ((tried["variant"], tried["per_channel"], tried["calibration"]) for tried in plan["tried"])
    assert first == ("u8s8", True, calibration)
    assert others[0] == ("s8s8", True, calibration)
    assert others[1:] == [(plan["variant"], False, calibration)]
    for tried in plan["tried"]:
        assert tried["error"] < 0.1
        assert tried["agreement"] > 0.9
        assert min(tried["ms"], tried["speedup"]) > 0


def test_contract_on_a_table_with_text() -> None:
    model = product_files.table_file(64)
    plan = contract.check(Int8(), lambda seed: model, [(product_files.rows(64), None)])
    assert plan is not None
    assert plan["nodes"] == ["first_layer", "middle_layer", "last_layer"]
    assert {tried["variant"] for tried in plan["tried"]} == {"u8s8_reduced", "u8s8", "u8u8", "s8s8", "dynamic"}
    assert {tried["agreement"] for tried in plan["tried"]} == {None}


def test_ignored_operators_stay_float() -> None:
    names = static_quantization.quantizable(static_quantization.fuse(product_files.image_file()))
    technique = Int8(ignore=(names[0],), variants=("u8s8",))
    plan = technique.plan(product_files.image_file(), batches())
    assert plan["nodes"] == names[1:]
    graph = onnx.load_from_string(technique.apply(product_files.image_file(), plan)).graph
    producers = {name: node.op_type for node in graph.node for name in node.output}
    weights = {node.name: producers.get(node.input[1]) for node in graph.node if node.name in names}
    assert weights == {names[0]: None, names[1]: "DequantizeLinear", names[2]: "DequantizeLinear"}


def test_what_a_plan_chose_need_not_be_tried_again() -> None:
    model, technique = product_files.image_file(), Int8(variants=("u8s8", "s8s8"), ignore=())
    plan = technique.plan(model, batches())
    settled = technique.settled(plan)
    assert settled.variants == (plan["variant"],)
    assert (settled.per_channel, settled.calibration) == (plan["per_channel"], plan["calibration"])
    again = settled.plan(model, batches())
    assert len(again["tried"]) <= 2 < len(plan["tried"]), "at most with and without raw pixels"
    assert {row["variant"] for row in again["tried"]} == {plan["variant"]}
    dynamic = technique.settled(plan | {"variant": "dynamic", "calibration": None})
    assert (dynamic.variants, dynamic.calibration) == (("dynamic",), "auto")


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(InputError, match="nearest valid choice: first_layer"):
        Int8(ignore=("first_later",)).plan(product_files.table_file(), [(product_files.rows(8), None)])


def test_modules_of_the_network_can_be_ignored_by_name() -> None:
    model = onnx_graphs.padded_file()
    plan = Int8(ignore=("block.inside",), variants=("u8s8",), calibration="minmax").plan(model, batches())
    kept = {node.name: (*node.input, "")[1] for node in onnx.load_from_string(cleanup.clean(model)).graph.node}
    assert {kept[name] for name in plan["nodes"]} == {
        "network/stem.weight", "network/block.outside.weight", "h.shortcut.weight", "network/head.weight"
    }  # fmt: skip
    with pytest.raises(Refusal, match=r"stem, h\.shortcut, head: too small"):
        Int8(ignore=("block",), variants=("u8s8",), calibration="minmax").plan(model, batches())
    with pytest.raises(InputError, match=r"nearest valid choice: block\.inside"):
        Int8(ignore=("block.insider",)).plan(model, batches())


def test_pixels_are_read_as_they_are() -> None:
    """The file begins with the first convolution; the choice is recorded, and replayed by apply."""
    model = onnx_graphs.padded_file()
    plan = contract.check(Int8(variants=("u8s8",), calibration="minmax"), lambda seed: model, batches())
    assert plan is not None
    assert [tried["pixels"] for tried in plan["tried"]] == [False, True, True]
    technique = Int8(variants=("u8s8",))
    data = technique.apply(model, {**plan, "pixels": True})
    assert not {"Cast", "Mul"} & set(onnx_graphs.kinds(data))
    with pytest.raises(Refusal, match="another graph"):
        technique.apply(product_files.image_file(), {**plan, "pixels": True})


def crowded() -> bytes:
    """A network in which one layer's first weight is a hundred times the others: one scale cannot hold both."""
    proto = onnx.load_from_string(onnx_graphs.padded_file())
    weight = next(tensor for tensor in proto.graph.initializer if tensor.name == "network/block.outside.weight")
    values = onnx.numpy_helper.to_array(weight).copy()
    values[0, 0, 0, 0] = 30
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    return bytes(proto.SerializeToString())


def test_the_fewest_layers_go_back_to_float() -> None:
    technique = Int8(variants=("u8s8",), calibration="minmax", per_channel=False, max_loss=0.05)
    model = crowded()
    plan = contract.check(technique, lambda seed: model, batches())
    assert plan is not None
    assert set(plan["in_float"].values()) == {"block.outside"}
    assert set(plan["in_float"]).isdisjoint(plan["nodes"])
    assert max(plan["sensitivity"], key=plan["sensitivity"].get) == "block.outside"
    assert plan["tried"][0]["loss"] > 0.05 >= plan["tried"][-1]["loss"]
    assert plan["reason"].startswith("in eight bits the loss is ")


def test_a_loss_that_nothing_reaches_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    technique = Int8(variants=("u8s8",), calibration="minmax", per_channel=False, max_loss=0.0)
    judge = variant_comparison.judge_variant
    monkeypatch.setattr(variant_comparison, "judge_variant", lambda *arguments: judge(*arguments) | {"loss": 0.02})
    with pytest.raises(Refusal, match=r"max_loss 0 is out of reach: 0.0200 in eight bits, 0.0200 at best .* cost most"):
        technique.plan(onnx_graphs.padded_file(), batches())


def test_no_layer_is_ranked_where_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8_search.Int8Search, "restore", lambda *_: pytest.fail("there is nothing to restore"))
    plan = Int8(variants=("u8s8",), calibration="minmax", max_loss=1.0).plan(onnx_graphs.padded_file(), batches())
    assert "in_float" not in plan


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((0, 8, 8, 3), dtype=np.uint8), "there are none"),
        (np.zeros((64, 8, 8, 3), dtype=np.uint8), "every image is the same"),
        (np.full((64, 8, 8, 3), 7, dtype=np.uint8), "every image is the same"),
    ],
)
def test_calibration_data_are_not_believed_blindly(images: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Int8().plan(product_files.image_file(), [({"image": images}, np.zeros(len(images)))])


def test_no_batches_at_all() -> None:
    with pytest.raises(InputError, match="there are none"):
        Int8().plan(product_files.image_file(), [])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_named(bad: float) -> None:
    columns = product_files.rows(64)
    columns["rooms"][10] = bad
    with pytest.raises(InputError, match="must be finite, but rooms is not"):
        Int8().plan(product_files.table_file(), [(columns, None)])


def test_a_constant_column_among_others_is_fine() -> None:
    columns = product_files.rows(64)
    columns["town"][:] = "Rome"
    assert Int8(variants=("u8s8",)).plan(product_files.table_file(64), [(columns, None)])["variant"] == "u8s8"


def test_a_file_that_would_grow_is_refused() -> None:
    with pytest.raises(Refusal, match="first, middle, last: too small"):
        Int8().plan(product_files.table_file(), [(product_files.rows(64), None)])


def test_a_file_that_is_in_eight_bits_already_is_refused() -> None:
    technique = Int8(variants=("u8s8",))
    model = technique.apply(product_files.image_file(), technique.plan(product_files.image_file(), batches()))
    with pytest.raises(Refusal, match=r"int8: the file is quantized already: \d+ of its operators are Deq"):
        technique.plan(model, batches())
    with pytest.raises(Refusal, match="weight_only: the file is quantized already"):
        WeightOnly().plan(model, batches())
    with pytest.raises(Refusal, match="fp16: the file is quantized already"):
        Fp16().plan(model, batches())


def test_a_plan_of_another_graph_is_refused() -> None:
    technique = Int8(variants=("u8s8",))
    plan = technique.plan(product_files.image_file(), batches())
    with pytest.raises(Refusal, match="another graph"):
        technique.apply(product_files.table_file(), plan)


def test_the_goal_says_what_a_user_does_not() -> None:
    goal = Goal(minimize="bytes", max_drop=0.03)
    assert Int8().for_goal(goal) == Int8(prefer="bytes", max_drop=0.03)
    assert Int8(prefer="latency", max_drop=0.0).for_goal(goal) == Int8(prefer="latency", max_drop=0.0)
    assert Int8().for_goal(Goal(metric="roc_auc")) == Int8(prefer="latency"), "a loss of accuracy is something else"
    assert Fp16().for_goal(goal) == Fp16()


def test_no_variants_is_no_choice() -> None:
    with pytest.raises(ValidationError):
        Int8(variants=())


def test_a_file_with_a_fixed_batch_of_one() -> None:
    """As others export it: examples go through it one at a time, for ranges, answers and time."""
    proto = onnx.load_from_string(onnx_graphs.padded_file())
    for item in (*proto.graph.input, *proto.graph.output):
        item.type.tensor_type.shape.dim[0].dim_value = 1
    model = proto.SerializeToString()
    for technique in (Int8(variants=("u8s8",), calibration="percentile"), Fp16()):
        assert contract.check(technique, lambda seed: model, batches(32)) is not None


def test_a_product_with_a_vector_stays_in_float() -> None:
    """The runtime's integer products take matrices only."""
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.arange(64, dtype=np.float32), "w")
    given, answer = (
        helper.make_tensor_value_info(*each)
        for each in (("x", TensorProto.FLOAT, ["n", 64]), ("y", TensorProto.FLOAT, ["n"]))
    )
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="dot")], "g", [given], [answer], [weight]
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    rows = {"x": np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)}
    with pytest.raises(Refusal, match="no convolution or matrix product"):
        Int8().plan(made.SerializeToString(), [(rows, None)])
