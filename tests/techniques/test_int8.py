"""int8: the choice of a variant, the contract of plan and apply, and what it says no to."""

from __future__ import annotations

from typing import Any

import contract
import numpy as np
import onnx
import pytest
import small_products
from pydantic import ValidationError

from tasks.artifacts import InputError, Refusal
from tasks.kernels import runtime
from tasks.techniques import Batches, int8
from tasks.techniques.int8 import Int8


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8, "SECONDS", 0.02)


def batches(count: int = 64) -> Batches:
    images = small_products.images(count)["image"]
    return [({"image": images[at : at + 16]}, np.zeros(16)) for at in range(0, count, 16)]


def row(variant: str, error: float, ms: float) -> dict[str, Any]:
    return {"variant": variant, "error": error, "ms": ms}


def test_choose_the_fastest_within_one_bit() -> None:
    """As without VNNI: u8u8 is exact and slow, u8s8 saturates, seven bits are fast and fine."""
    tried = [
        row("u8s8_reduced", 0.042, 1.0),
        row("u8s8", 0.20, 0.98),
        row("u8u8", 0.03, 1.6),
        row("s8s8", 0.2, 2.0),
    ]
    assert int8.choose(tried)["variant"] == "u8s8_reduced"


def test_choose_the_most_exact_of_equally_fast_ones() -> None:
    assert int8.choose([row("u8s8_reduced", 0.042, 1.0), row("u8s8", 0.03, 1.03)])["variant"] == "u8s8"
    assert int8.choose([row("u8s8_reduced", 0.042, 1.0), row("u8s8", 0.03, 1.3)])["variant"] == "u8s8_reduced"


def test_difference_by_hand() -> None:
    """Outputs 0, 2, 2, 0 have standard deviation 1; one of four is off by 2: root of mean square 1."""
    before, after = np.array([[0.0, 2.0], [2.0, 0.0]]), np.array([[0.0, 2.0], [2.0, 2.0]])
    assert int8.difference(before, after) == {"error": 1.0, "agreement": 1.0}
    assert int8.difference(before[:, :1], after[:, :1]) == {"error": 0.0, "agreement": None}


@pytest.mark.parametrize("calibration", ["minmax", "entropy", "percentile"])
def test_contract(calibration: Any) -> None:
    technique = Int8(calibration=calibration, variants=("u8s8", "s8s8"))
    plan = contract.check(technique, lambda seed: small_products.image_file(), batches())
    assert plan is not None
    assert [tried["variant"] for tried in plan["tried"]] == ["u8s8", "s8s8"]
    for tried in plan["tried"]:
        assert tried["error"] < 0.1
        assert tried["agreement"] > 0.9
        assert min(tried["ms"], tried["speedup"]) > 0


def test_contract_on_a_table_with_text() -> None:
    model = small_products.table_file(64)
    plan = contract.check(Int8(), lambda seed: model, [(small_products.rows(64), None)])
    assert plan is not None
    assert plan["nodes"] == ["first_layer", "middle_layer", "last_layer"]
    assert [tried["agreement"] for tried in plan["tried"]] == [None] * 4


def test_ignored_operators_stay_float() -> None:
    names = runtime.quantizable(runtime.fuse(small_products.image_file()))
    technique = Int8(ignore=(names[0],), variants=("u8s8",))
    plan = technique.plan(small_products.image_file(), batches())
    assert plan["nodes"] == names[1:]
    graph = onnx.load_from_string(technique.apply(small_products.image_file(), plan)).graph
    producers = {name: node.op_type for node in graph.node for name in node.output}
    weights = {node.name: producers.get(node.input[1]) for node in graph.node if node.name in names}
    assert weights == {names[0]: None, names[1]: "DequantizeLinear", names[2]: "DequantizeLinear"}


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(InputError, match="nearest valid choice: first_layer"):
        Int8(ignore=("first_later",)).plan(small_products.table_file(), [(small_products.rows(8), None)])


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
        Int8().plan(small_products.image_file(), [({"image": images}, np.zeros(len(images)))])


def test_no_batches_at_all() -> None:
    with pytest.raises(InputError, match="there are none"):
        Int8().plan(small_products.image_file(), [])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_named(bad: float) -> None:
    columns = small_products.rows(64)
    columns["rooms"][10] = bad
    with pytest.raises(InputError, match="must be finite, but rooms is not"):
        Int8().plan(small_products.table_file(), [(columns, None)])


def test_a_constant_column_among_others_is_fine() -> None:
    columns = small_products.rows(64)
    columns["town"][:] = "Rome"
    assert Int8(variants=("u8s8",)).plan(small_products.table_file(64), [(columns, None)])["variant"] == "u8s8"


def test_a_file_that_would_grow_is_refused() -> None:
    with pytest.raises(Refusal, match="first_layer, middle_layer, last_layer: too small"):
        Int8().plan(small_products.table_file(), [(small_products.rows(64), None)])


def test_a_file_that_is_in_eight_bits_already_is_refused() -> None:
    technique = Int8(variants=("u8s8",))
    model = technique.apply(small_products.image_file(), technique.plan(small_products.image_file(), batches()))
    with pytest.raises(Refusal, match="constant float weights"):
        technique.plan(model, batches())


def test_a_plan_of_another_graph_is_refused() -> None:
    technique = Int8(variants=("u8s8",))
    plan = technique.plan(small_products.image_file(), batches())
    with pytest.raises(Refusal, match="another graph"):
        technique.apply(small_products.table_file(), plan)


def test_no_variants_is_no_choice() -> None:
    with pytest.raises(ValidationError):
        Int8(variants=())
