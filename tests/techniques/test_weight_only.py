"""weight_only: the contract in 4 and 8 bits, and what it says no to."""

from __future__ import annotations

import contract
import numpy as np
import pytest
from pydantic import ValidationError
from support import onnx_graphs, product_files

from tasks.core import InputError, Refusal
from tasks.techniques import WeightOnly
from tasks.techniques.quantization import variant_comparison


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variant_comparison, "SECONDS", 0.01)


ROWS = [(product_files.rows(64), None)]


def test_contract_in_four_and_eight_bits() -> None:
    model = product_files.table_file(64)
    plans = [contract.check(WeightOnly(bits=bits), lambda seed: model, ROWS) for bits in (4, 8)]
    assert [plan["layers"] for plan in plans if plan] == [["middle", "last"]] * 2
    four, eight = (plan["tried"][0] for plan in plans if plan)
    assert eight["error"] < four["error"] / 5
    assert [[row["arithmetic"] for row in plan["tried"]] for plan in plans if plan] == [["integers", "floats"]] * 2
    assert four["bytes"] < eight["bytes"] < len(model)


def test_larger_blocks_are_smaller_and_less_exact() -> None:
    model = product_files.table_file(256)
    rows = [WeightOnly(bits=4, block_size=size).plan(model, ROWS)["tried"][0] for size in (16, 256)]
    assert rows[0]["bytes"] > rows[1]["bytes"]
    assert rows[0]["error"] < rows[1]["error"]


def test_ignored_layers_stay_float() -> None:
    model = product_files.table_file(64)
    plan = WeightOnly(ignore=("first_layer", "last")).plan(model, ROWS)
    assert plan["nodes"] == ["middle_layer"]
    assert onnx_graphs.kinds(WeightOnly().apply(model, plan)).count("MatMulNBits") == 1
    with pytest.raises(Refusal, match="ignore leaves no layer"):
        WeightOnly(ignore=("first", "middle", "last")).plan(model, ROWS)
    with pytest.raises(InputError, match="nearest valid choice: middle"):
        WeightOnly(ignore=("midle",)).plan(model, ROWS)


def test_the_plan_alone_decides_how_it_is_applied() -> None:
    model = product_files.table_file(64)
    plan = WeightOnly(bits=4, block_size=64).plan(model, ROWS)
    assert WeightOnly().apply(model, plan) == WeightOnly(bits=4, block_size=64).apply(model, plan)
    other = {**plan, "integers": not plan["integers"]}
    assert WeightOnly().apply(model, plan) != WeightOnly().apply(model, other)


def test_a_file_that_would_grow_is_refused() -> None:
    batch = [(product_files.images(16), np.arange(16) % 4)]
    with pytest.raises(Refusal, match=r"weight_only: head: \d+ bytes would become \d+"):
        WeightOnly().plan(onnx_graphs.padded_file(), batch)


def test_a_network_without_linear_layers_is_refused() -> None:
    technique, model = WeightOnly(bits=4, block_size=16), product_files.table_file(64)
    data = technique.apply(model, technique.plan(model, ROWS))
    with pytest.raises(Refusal, match="first: smaller than their blocks of 16 would be"):
        technique.plan(data, ROWS)


def test_a_plan_of_another_graph_is_refused() -> None:
    plan = WeightOnly().plan(product_files.table_file(64), ROWS)
    with pytest.raises(Refusal, match="another graph"):
        WeightOnly().apply(onnx_graphs.padded_file(), plan)


def test_odd_bits_and_blocks_are_refused() -> None:
    for knobs in ({"bits": 3}, {"block_size": 33}):
        with pytest.raises(ValidationError):
            WeightOnly.model_validate(knobs)


def test_no_examples() -> None:
    with pytest.raises(InputError, match="there are none"):
        WeightOnly().plan(product_files.table_file(64), [])
