"""Synthetic rows are made of cells of the table's own rows and of their neighbours."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tasks.data.tables.mixed_rows import mix_rows


def two_groups(rows: int = 200) -> pd.DataFrame:
    """Rows far apart in two groups, with a whole number, a gap and text."""
    rng = np.random.default_rng(0)
    side = np.arange(rows) % 2
    frame = pd.DataFrame(
        {
            "place": side * 100.0 + rng.normal(size=rows),
            "count": side * 50 + rng.integers(0, 9, rows),
            "gap": np.where(rng.random(rows) < 0.2, np.nan, side * 10.0),
            "text": np.where(side == 1, "right", "left"),
        }
    )
    return frame.astype({"count": "int64"})


def test_made_rows_lie_where_the_rows_lie() -> None:
    frame = two_groups()
    made = mix_rows(frame, 500, 0)
    assert len(made) == 500
    assert list(made.dtypes) == list(frame.dtypes)
    assert set(made["text"]) == {"left", "right"}
    right = made["text"] == "right"
    assert ((made["place"] > 50) == right).all()  # no cell of the other group
    assert made["place"].between(frame["place"].min(), frame["place"].max()).all()
    assert 0.05 < made["gap"].isna().mean() < 0.4
    assert made["gap"].dropna().isin([0.0, 10.0]).all()
    new = made[["place", "count"]].merge(frame[["place", "count"]], how="left", indicator=True)
    assert (new["_merge"] == "left_only").mean() > 0.5


def test_the_seed_decides() -> None:
    frame = two_groups()
    pd.testing.assert_frame_equal(mix_rows(frame, 90, 1), mix_rows(frame, 90, 1))
    assert not mix_rows(frame, 90, 1).equals(mix_rows(frame, 90, 2))
