"""Shared columns: a frame as arrays that a process maps, and back."""

from __future__ import annotations

import numpy as np
import pandas as pd
from support import mixed_tables

from tasks.data.tables.shared_columns import pack_texts, share_columns, shared_frame, unpack_texts


def test_a_frame_comes_back_as_it_was() -> None:
    table = mixed_tables.mixed_table(200)
    arrays = share_columns(table)
    assert all(array.dtype.kind in "iuf" for array in arrays.values()), "Python objects could not be mapped"
    for array in arrays.values():
        array.flags.writeable = False  # as Ray maps them
    pd.testing.assert_frame_equal(shared_frame(arrays), table)


def test_numbers_are_not_copied() -> None:
    arrays = share_columns(pd.DataFrame({"a": np.arange(5, dtype=np.float32), "b": ["x", "", "y", "x", "ü"]}))
    frame = shared_frame(arrays)
    assert np.shares_memory(frame["a"].to_numpy(), arrays["values.0"])
    assert frame["b"].tolist() == ["x", "", "y", "x", "ü"]


def test_texts_are_packed_with_their_lengths() -> None:
    texts = ["größe", "", "a" * 1000, "\udcff"]
    packed = pack_texts(texts)
    assert packed.dtype == np.uint8
    assert len(packed) == 8 * 5 + 7 + 0 + 1000 + 3, "no text is made as long as the longest"
    assert unpack_texts(packed).tolist() == texts
    assert unpack_texts(pack_texts([])).tolist() == []
