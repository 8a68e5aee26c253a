"""Training ranges: pictures and columns in another unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.core import Column, InputError
from tasks.data.profiles.training_ranges import ranges_of, refuse_other_range, unusual_columns

HERE = Path("new")
GENERATOR = np.random.default_rng(0)


def pixels(most: float, count: int = 20, dtype: str = "uint8") -> np.ndarray:
    return (GENERATOR.random((count, 8, 8, 1)) * (most + 0.99 * (dtype != "float32"))).astype(dtype)


@pytest.mark.parametrize(
    ("train", "new"),
    [
        (pixels(16), pixels(255)),
        (pixels(255), pixels(1, dtype="float32")),
        (pixels(255), pixels(1, 1, "float32")),
        (pixels(4095, dtype="float32"), pixels(65535, dtype="float32")),
        (pixels(1, dtype="float32"), pixels(255, dtype="float32")),
        (pixels(255, dtype="float32"), pixels(1, dtype="float32") - 0.5),
    ],
)
def test_another_unit_is_refused_with_both_ranges(train: np.ndarray, new: np.ndarray) -> None:
    with pytest.raises(InputError) as caught:
        refuse_other_range(new, ranges_of(train, ()), HERE)
    assert f"which had {train.min():.4g} to {train.max():.4g}" in str(caught.value)
    assert f"{new.min():.4g} to {new.max():.4g}" in str(caught.value)


def test_dark_and_bright_pictures_are_taken() -> None:
    known = ranges_of(pixels(255), ())
    refuse_other_range(np.zeros((1, 8, 8, 1), np.uint8), known, HERE)
    refuse_other_range(pixels(2, 7), known, HERE)
    refuse_other_range(pixels(40), known, HERE)
    refuse_other_range(pixels(40), ranges_of(pixels(16), ()), HERE)
    hot = pixels(16)
    hot[0, 0, 0] = 255
    refuse_other_range(hot, ranges_of(pixels(16), ()), HERE)
    refuse_other_range(pixels(255), (), HERE)


def test_each_channel_has_its_range() -> None:
    train = np.concatenate([pixels(255), pixels(10), pixels(255)], axis=3)
    known = ranges_of(train, ())
    assert [(each.name, each.most) for each in known] == [("channel 0", 255), ("channel 1", 10), ("channel 2", 255)]
    with pytest.raises(InputError, match="which had 0 to 10"):
        refuse_other_range(np.concatenate([pixels(255)] * 3, axis=3), known, HERE)


def test_a_column_in_another_unit_is_named() -> None:
    train = pd.DataFrame({"height": GENERATOR.uniform(1.5, 2, 50), "town": ["a"] * 50, "none": [np.nan] * 50})
    known = ranges_of(train, (Column("height", "number"), Column("town", "category"), Column("none", "number")))
    assert [each.name for each in known] == ["height"]
    in_cm = {"height": np.linspace(150, 200, 10)[:, None]}
    (said,) = unusual_columns(in_cm, known)
    assert said.startswith("column 'height': 10 of 10 values lie outside of the training range 1.5")
    assert said.endswith("(here 150 to 200): another unit?")
    assert list(unusual_columns({"height": np.array([[2.1], [np.nan]])}, known)) == []
    assert len(list(unusual_columns({"height": np.array([[180.0]])}, known))) == 1
    assert list(unusual_columns({"height": np.linspace(1.2, 1.9, 10)[:, None]}, known)) == []


def test_dates_go_on_and_only_those_far_outside_are_named_as_dates() -> None:
    day = 86400.0
    known = ranges_of(pd.DataFrame({"when": day * np.arange(365)}), (Column("when", "date"),))
    assert known[0].dates
    assert list(unusual_columns({"when": day * np.arange(365, 700)[:, None]}, known)) == []
    (said,) = unusual_columns({"when": day * np.arange(20_000, 20_010)[:, None]}, known)
    assert said == (
        "column 'when': 10 of 10 dates lie far outside of the training range 1970-01-01 to 1970-12-31 "
        "(here 2024-10-04 to 2024-10-13): another form?"
    )
