"""Reference statistics: quantiles, histograms and shares, small enough to keep."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from tasks.core import Column
from tasks.data.profiles.reference_statistics import (
    category_shares,
    example_statistics,
    number_statistics,
    reference_of,
    usual_value,
)
from tasks.data.readers import Examples


def test_numbers_have_quantiles_and_a_histogram() -> None:
    found = number_statistics(np.append(np.arange(1001.0), np.nan))
    assert (found["count"], found["missing"], found["mean"]) == (1002, 1, 500)
    assert found["quantiles"] == list(range(0, 1001, 10))
    assert found["edges"] == list(range(100, 1000, 100))
    np.testing.assert_allclose(found["shares"], [101 / 1001, *[100 / 1001] * 9], rtol=1e-5)


def test_a_histogram_tells_a_value_that_most_rows_have_from_the_others() -> None:
    found = number_statistics(np.repeat([0.0, 7000.0, 99999.0], [92, 6, 2]))
    assert (found["edges"], found["shares"]) == ([0], [0.92, 0.08])
    binary = number_statistics(np.repeat([0.0, 1.0], [30, 70]))
    assert (binary["edges"], binary["shares"]) == ([0], [0.3, 0.7])
    assert number_statistics(np.full(3, 5.0))["shares"] == [1.0]
    assert number_statistics(np.full(3, np.nan))["quantiles"] == []


def test_categories_have_shares_of_what_is_present() -> None:
    found = category_shares(pd.Series(["a"] * 6 + ["b"] * 2 + [""] * 2))
    assert found == {"count": 10, "missing": 2, "distinct": 2, "shares": {"a": 0.75, "b": 0.25}, "other": 0.0}
    many = category_shares(pd.Series([f"t{row}" for row in range(100)]))
    assert (len(many["shares"]), many["other"]) == (64, 0.36)


def test_images_are_told_by_brightness_and_contrast() -> None:
    pixels = np.zeros((2, 2, 2, 3), np.uint8)
    pixels[1, ..., 0] = 255
    found = example_statistics(pixels)
    assert found["brightness"].tolist() == [0, 85]
    np.testing.assert_allclose(found["contrast"], [0, 85 * np.sqrt(2)])
    assert found["brightness of channel 0"].tolist() == [0, 255]
    assert list(example_statistics(np.zeros((5, 3)))) == ["number 0", "number 1", "number 2"]
    assert list(example_statistics(np.zeros((5, 30, 4)))) == ["brightness", "contrast"]


def test_the_reference_of_many_columns_is_small() -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({f"number {index}": generator.normal(size=500) for index in range(200)})
    columns = tuple(Column(str(name), "number") for name in frame)
    found = reference_of(Examples(frame, np.repeat([0, 1], [100, 400])), columns, ("no", "yes"))
    assert found["target"] == {"shares": {"no": 0.2, "yes": 0.8}}
    assert len(json.dumps(found, allow_nan=False, separators=(",", ":"))) < 200_000


def test_the_usual_value_is_the_median_or_the_most_frequent_text() -> None:
    assert usual_value(number_statistics(np.array([1.0, 2, 3, 100, 200, np.nan]))) == 3.0
    assert usual_value(category_shares(pd.Series(["a", "b", "b", ""]))) == "b"
    assert np.isnan(usual_value(number_statistics(np.array([np.nan]))))
    assert usual_value(category_shares(pd.Series([""]))) == ""
