"""Drift: what a look finds, names and lets pass, and how seldom it alarms for nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.core import InputError
from tasks.monitoring.drift import DriftLook, look_for_drift
from tasks.monitoring.monitor_spec import ActOn, MonitorSpec
from tasks.monitoring.reference_profile import describe_columns

Frame = dict[str, np.ndarray[Any, Any]]


def rows(generator: np.random.Generator, count: int, shift: float = 0.0, cities: str = "abbcccc") -> Frame:
    age = np.where(generator.random(count) < 0.1, np.nan, generator.normal(40 + shift, 10, count))
    hours = generator.poisson(3, count).astype(float)
    return {"age": age, "hours": hours, "city": generator.choice(list(cities), count).astype(object)}


REFERENCE = describe_columns(rows(np.random.default_rng(0), 3000))


def look(batch: Frame | pd.DataFrame, act_on: ActOn = "harm", number: int = 1) -> DriftLook:
    return look_for_drift("inputs", REFERENCE, batch, MonitorSpec(act_on=act_on), number)


def test_unchanged_rows_are_fine() -> None:
    found = look(rows(np.random.default_rng(1), 1000))
    assert (found.level, found.sentence, found.rows) == ("fine", "no change in 3 columns", 1000)


def test_a_shift_warns_and_names_the_column() -> None:
    found = look(rows(np.random.default_rng(2), 500, shift=8))
    assert (found.level, found.changed) == ("warn", ("age",))
    assert found.sentence == "1 of 3 columns changed: age"
    assert found.columns[0].distance == pytest.approx(0.3, abs=0.05)


def test_a_shift_acts_only_when_asked() -> None:
    batch = rows(np.random.default_rng(2), 500, shift=8)
    assert [look(batch, act_on).level for act_on in ("harm", "predictions", "inputs", "all")] == [
        "warn",
        "warn",
        "act",
        "act",
    ]


def test_a_trifle_of_many_rows_is_fine() -> None:
    found = look(rows(np.random.default_rng(3), 200_000, shift=1))
    assert found.columns[0].adjusted < 1e-3
    assert found.columns[0].index < 0.1
    assert found.level == "fine"


def test_unseen_categories_are_named() -> None:
    found = look(rows(np.random.default_rng(4), 500, cities="abbccccz"))
    assert (found.level, found.changed) == ("warn", ("city",))
    assert found.sentence == "1 of 3 columns changed: city; never seen before: city=z"
    rare = rows(np.random.default_rng(4), 500)
    rare["city"][0] = "Z"
    assert (look(rare).level, look(rare).sentence) == ("fine", "never seen before: city=Z")


def test_missing_and_extra_columns_are_named() -> None:
    batch = rows(np.random.default_rng(5), 300)
    del batch["hours"]
    batch["new"] = np.zeros(300)
    found = look(pd.DataFrame(batch))
    assert (found.level, found.absent, found.extra) == ("warn", ("hours",), ("new",))
    assert found.sentence == "columns missing: hours"
    assert look(batch, "inputs").level == "act"


def test_values_that_are_missing_more_often_are_a_change() -> None:
    batch = rows(np.random.default_rng(6), 500)
    batch["age"][::2] = np.nan
    found = look(batch)
    assert found.changed == ("age",)
    assert found.columns[0].missing == pytest.approx((0.1, 0.55), abs=0.03)


def test_a_column_that_is_all_missing_is_a_change() -> None:
    assert look({**rows(np.random.default_rng(6), 500), "hours": np.full(500, np.nan)}).changed == ("hours",)


def test_very_many_categories_are_compared_in_groups() -> None:
    generator = np.random.default_rng(7)
    names = np.array([f"n{place}" for place in range(2000)], dtype=object)
    reference = describe_columns({"id": generator.choice(names, 5000)})
    same = look_for_drift("inputs", reference, {"id": generator.choice(names, 500)}, MonitorSpec(), 1)
    assert (same.level, same.columns[0].unseen) == ("fine", ())
    other = look_for_drift("inputs", reference, {"id": np.full(500, "n1", dtype=object)}, MonitorSpec(), 1)
    assert other.level == "warn"


def test_unchanged_streams_seldom_act() -> None:
    acted = 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        acted += any(look(rows(generator, 60), "inputs", number).level == "act" for number in range(1, 21))
    assert acted <= 1


def test_answers_are_columns_too() -> None:
    reference = describe_columns({"class": np.array(["no"] * 900 + ["yes"] * 100, dtype=object)})
    batch = {"class": np.array(["no"] * 60 + ["yes"] * 40, dtype=object)}
    found = look_for_drift("predictions", reference, batch, MonitorSpec(act_on="predictions"), 3)
    assert (found.what, found.level, found.sentence) == ("predictions", "act", "1 of 1 answers changed: class")


@pytest.mark.parametrize("batch", [{}, {"age": np.zeros(0)}])
def test_an_empty_batch_is_refused(batch: Frame) -> None:
    with pytest.raises(InputError, match="a batch must have rows and columns"):
        look(batch)


def test_text_among_numbers_is_refused() -> None:
    batch = {**rows(np.random.default_rng(8), 10), "age": np.array(["old"] * 10, dtype=object)}
    with pytest.raises(InputError, match="age: must be numbers, as in the champion's data, but got 'text'"):
        look(batch)
