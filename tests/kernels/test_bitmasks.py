"""Bit masks: one by hand, and every kind of array comes back."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.kernels.onnx import bitmasks


def test_by_hand() -> None:
    """Entries 1, 3 and 8 are no zeros: bits 2 + 8 in the first byte, 1 in the second."""
    bits, values = bitmasks.mask(np.array([0, 7, 0, -2, 0, 0, 0, 0, 5], dtype=np.int8))
    assert bits.tolist() == [10, 1]
    assert values.tolist() == [0, 7, -2, 5]


def test_a_zero_point_is_a_zero() -> None:
    bits, values = bitmasks.mask(np.array([128, 128, 3, 128], dtype=np.uint8))
    assert (bits.tolist(), values.tolist()) == ([4], [128, 3])


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64, np.int8, np.uint8, np.int32])
@pytest.mark.parametrize("shape", [(1,), (8,), (3, 5, 7), (2, 64)])
def test_round_trip(dtype: type, shape: tuple[int, ...]) -> None:
    generator = np.random.default_rng(0)
    array = (generator.normal(0, 40, shape) * (generator.random(shape) < 0.3)).astype(np.int8).astype(dtype)
    back = bitmasks.unmask(*bitmasks.mask(array), shape)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert np.array_equal(back, array)


def test_numbers_that_compare_oddly() -> None:
    array = np.array([0.0, -0.0, np.nan, 0.0, np.inf, -3.0], dtype=np.float32)
    bits, values = bitmasks.mask(array)
    assert len(values) == 4
    assert np.array_equal(bitmasks.unmask(bits, values, (6,)), array, equal_nan=True)
    mostly = np.array([np.nan, np.nan, 1.0])
    assert np.array_equal(bitmasks.unmask(*bitmasks.mask(mostly), (3,)), mostly, equal_nan=True)
