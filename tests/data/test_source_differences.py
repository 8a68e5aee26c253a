"""Source differences: what a separate test source has that training has not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tasks.core import Column
from tasks.data.profiles.source_differences import describe_sources
from tasks.data.readers import Examples

GENERATOR = np.random.default_rng(0)
COLUMNS = (Column("height", "number"), Column("town", "category", texts=("a", "b")), Column("age", "number"))


def examples(count: int, factor: float, towns: list[str], missing: int, classes: int) -> Examples:
    ages = GENERATOR.uniform(20, 60, count)
    ages[:missing] = np.nan
    frame = pd.DataFrame(
        {"height": GENERATOR.uniform(1.5, 2, count) * factor, "town": np.resize(towns, count), "age": ages}
    )
    return Examples(frame, np.arange(count) % classes)


def test_a_sentence_for_each_difference() -> None:
    train = examples(200, 1, ["a", "b"], 0, 3)
    other = examples(40, 100, ["a", "a", "a", "c"], 20, 2)
    found = describe_sources({"test": other}, train, COLUMNS, ("x", "y", "z"))["test"]
    assert (found["rows"], found["classes"]) == (40, {"x": 20, "y": 20, "z": 0})
    lacks, height, town, age = found["suspicions"]
    assert lacks == "test: no example of z."
    assert height.startswith("test: height is 15")
    assert "(the middle 90%), and in training 1.5" in height
    assert town == "test: town has a category that training does not know, in 25.0% of the rows."
    assert age == "test: age is missing in 50% of the rows, and in training in 0%."


def test_a_source_like_the_training_data_raises_nothing() -> None:
    train = examples(200, 1, ["a", "b"], 0, 2)
    assert describe_sources({"test": train}, train, COLUMNS, ("x", "y"))["test"]["suspicions"] == []


def test_pictures_of_another_range() -> None:
    bright = GENERATOR.integers(0, 256, (50, 4, 4, 1), dtype=np.uint8)
    dark = Examples(bright // 16, np.zeros(50, np.int64))
    train = Examples(bright, np.zeros(50, np.int64))
    mean, spread = describe_sources({"validation": dark}, train, (), ("x",))["validation"]["suspicions"]
    assert mean.startswith("validation: the mean of channel 0 over an image is ")
    assert spread.startswith("validation: the spread of channel 0 over an image is ")


def test_dates_are_told_as_dates() -> None:
    train, later = (
        Examples(pd.DataFrame({"when": 86400.0 * days}), np.zeros(len(days), np.int64))
        for days in (np.arange(101.0), np.arange(1000.0, 1101.0))
    )
    (said,) = describe_sources({"test": later}, train, (Column("when", "date"),), ("x",))["test"]["suspicions"]
    assert said == (
        "test: when is 1972-10-02 to 1972-12-31 (the middle 90%), and in training 1970-01-06 to 1970-04-06."
    )
