"""Maps of targets, their inverse, and the operators that the inverse becomes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tasks.kernels.onnx.sessions import predict
from tasks.kernels.onnx.target_nodes import restore_nodes
from tasks.kernels.statistics.target_map import (
    TargetMap,
    fit_log,
    fit_quantiles,
    in_data_unit,
    read_map,
    standardize_targets,
    target_record,
)

TARGETS = np.random.default_rng(0).lognormal(6, 2, 500)
MAPS = {"log": fit_log(TARGETS), "normal": fit_quantiles(TARGETS, True), "uniform": fit_quantiles(TARGETS, False)}


def graph_of(target_map: TargetMap) -> bytes:
    taken, given = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 1]) for name in ("x", "y"))
    nodes, constants = restore_nodes(target_map, "x", "y", "target/")
    graph = helper.make_graph(nodes, "inverse", [taken], [given], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("name", MAPS)
def test_the_inverse_gives_the_targets_back(name: str) -> None:
    target_map = MAPS[name]
    np.testing.assert_allclose(target_map.restore(target_map.transform(TARGETS)), TARGETS, rtol=1e-9)
    assert read_map(target_map.record) == target_map


@pytest.mark.parametrize("name", MAPS)
def test_the_operators_are_the_inverse_and_never_overflow(name: str) -> None:
    target_map = MAPS[name]
    mapped = np.r_[np.linspace(-30, 30, 400), -1e6, 1e6, target_map.places].astype(np.float32)
    found = predict(graph_of(target_map), {"x": mapped[:, None]}, 1000)[:, 0]
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, target_map.restore(mapped), rtol=2e-5, atol=1e-4)


def test_a_log_is_cut_off_at_0_and_one_range_beyond_the_greatest_target() -> None:
    target_map = fit_log(np.array([0.0, np.e - 1, np.e**2 - 1]))
    assert target_map.places == pytest.approx((0, 4))
    assert target_map.restore(np.array([-5.0, 1.0, 9.0])) == pytest.approx([0, np.e - 1, np.e**4 - 1])


def test_a_normal_map_makes_tails_short() -> None:
    mapped = MAPS["normal"].transform(TARGETS)
    assert mapped.mean() == pytest.approx(0, abs=0.02)
    assert mapped.std() == pytest.approx(1, abs=0.03)
    assert np.abs(mapped).max() < 3.2
    assert MAPS["uniform"].transform(np.array([TARGETS.min(), np.median(TARGETS), TARGETS.max()])) == pytest.approx(
        [0, 0.5, 1], abs=0.01
    )


def test_a_target_of_many_rows_is_one_knot() -> None:
    target_map = fit_quantiles(np.r_[np.zeros(60), np.arange(1, 41)], False)
    assert target_map.transform(np.zeros(1)) == pytest.approx([0.3], abs=0.01)
    assert target_map.restore(np.array([0.0, 0.3, 1.0])) == pytest.approx([0, 0, 40], abs=0.2)


def test_a_record_standardizes_mapped_targets() -> None:
    record = target_record(MAPS["log"], TARGETS)
    assert record["deviation"] == pytest.approx(TARGETS.std())
    learned = standardize_targets(TARGETS, record)
    assert (learned.mean(), learned.std()) == pytest.approx((0, 1))
    np.testing.assert_allclose(in_data_unit(learned, record), TARGETS, rtol=1e-9)
    assert target_record(None, TARGETS) == {"mean": pytest.approx(TARGETS.mean()), "std": pytest.approx(TARGETS.std())}
