"""The transformers that scikit-learn lacks: their values by hand, and their graphs, which answer the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tasks.kernels.estimators.conversion import RawInput, convert_estimator
from tasks.kernels.estimators.transformers import ClipQuantiles, MissingFlags, QuantileRanks
from tasks.kernels.onnx import sessions


def columns(seed: int = 0) -> Any:
    """A normal column, one that is mostly 0, a constant and five whole numbers."""
    rng = np.random.default_rng(seed)
    tail = np.where(rng.random(2000) < 0.6, 0, rng.exponential(size=2000))
    parts = (rng.normal(size=2000) * 1e3, tail, np.full(2000, 3.0), rng.integers(0, 5, 2000))
    return np.stack(parts, axis=1).astype(np.float32)


@pytest.mark.parametrize("kind", [ClipQuantiles, MissingFlags, QuantileRanks])
def test_the_graph_answers_the_same(kind: Any) -> None:
    fitted = kind().fit(columns())
    graph = convert_estimator(fitted, [RawInput("x", "float32", 4)]).SerializeToString()
    other = columns(1) * 2
    other[::7], other[3], other[4] = np.nan, np.inf, -np.inf
    for rows in (columns(), other):
        expected = fitted.transform(rows)
        assert expected.dtype == np.float32
        np.testing.assert_array_equal(sessions.predict(graph, {"x": rows}), expected)


def test_values_outside_of_two_quantiles_are_clipped() -> None:
    rows = np.arange(101, dtype=np.float32)[:, None]
    clipped = ClipQuantiles(0.1, 0.9).fit(rows).transform(np.array([[-5], [50], [99], [np.nan]], np.float32))
    np.testing.assert_array_equal(clipped[:, 0], [10, 50, 90, np.nan])
    empty = ClipQuantiles().fit(np.full((3, 1), np.nan))
    assert empty.transform([[7.0]]).tolist() == [[7.0]]


def test_ranks_are_linear_between_quantiles() -> None:
    fitted = QuantileRanks().fit(np.arange(101, dtype=np.float32)[:, None])
    found = fitted.transform(np.array([[-1], [0], [25.5], [100], [200]], np.float32))
    np.testing.assert_allclose(found[:, 0], [0, 0, 0.255, 1, 1], atol=1e-6)
    assert QuantileRanks().fit(np.full((9, 1), 3.0)).transform([[3.0]]).tolist() == [[0.5]]


def test_flags_say_where_a_value_is_missing() -> None:
    flags = MissingFlags().fit(np.zeros((2, 2))).transform([[1.0, np.nan], [np.nan, 0.0]])
    assert flags.tolist() == [[0.0, 1.0], [1.0, 0.0]]
