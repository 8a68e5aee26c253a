"""Reference profile: what it keeps of columns and losses, and its way through JSON."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tasks.core import InputError
from tasks.monitoring.reference_profile import (
    MOST_NAMED,
    Profile,
    describe_column,
    describe_columns,
    describe_losses,
    read_profile,
)


def frame() -> pd.DataFrame:
    return pd.DataFrame({"age": [20.0, np.nan, 40.0], "city": ["b", "", "b"], "count": [1, 2, 3]})


def test_columns_of_a_frame() -> None:
    age, city, count = describe_columns(frame())
    assert (age.kind, age.count, age.missing, age.sketch) == ("number", 3, 1, (20.0, 40.0))
    assert (city.kind, city.present, city.missing, city.counts) == ("category", 2, 1, {"b": 2})
    assert count.sketch == (1.0, 2.0, 3.0)


def test_very_many_categories_are_counted_in_groups() -> None:
    texts = np.array([f"c{place}" for place in range(MOST_NAMED)], dtype=object)
    assert not describe_column("id", texts).is_grouped
    column = describe_column("id", np.append(texts, "one more"))
    assert column.is_grouped
    assert len(column.counts) <= 64
    assert sum(column.counts.values()) == MOST_NAMED + 1


def test_missing_texts_and_truth_values() -> None:
    assert describe_column("t", np.array([None, "a", float("nan"), ""], dtype=object)).missing == 3
    assert describe_column("t", np.array([True, False, True])).counts == {"True": 2, "False": 1}


def test_a_reference_of_mistakes() -> None:
    loss = describe_losses(np.array([0.0] * 90 + [1.0] * 10))
    assert (loss.mean, loss.n, loss.cap, loss.is_share) == (0.1, 100, 1.0, True)
    assert 0.15 < loss.upper(0.05) < loss.upper(0.01) < 0.22


def test_a_reference_of_losses_is_capped() -> None:
    losses = np.r_[np.random.default_rng(0).exponential(1.0, 999), 1e9]
    loss = describe_losses(losses)
    assert 3 < loss.cap < 8
    assert loss.mean == pytest.approx(1.0, abs=0.1)
    assert loss.mean < loss.upper(0.05) < loss.mean + 0.1


def test_losses_that_hardly_vary_have_room_to_rise() -> None:
    assert describe_losses(np.full(50, 0.4)).cap == pytest.approx(1.2)


def test_the_bound_of_the_reference_is_seldom_too_low() -> None:
    too_low = 0
    for seed in range(400):
        generator = np.random.default_rng(seed)
        too_low += describe_losses((generator.random(200) < 0.05).astype(float)).upper(0.05) < 0.05
    assert too_low / 400 <= 0.06


def test_a_profile_goes_through_json() -> None:
    profile = Profile(describe_columns(frame()), (), describe_losses(np.array([0.1, 0.4])))
    assert read_profile(json.loads(json.dumps(profile.record))) == profile


def test_an_altered_profile_is_named() -> None:
    record = Profile(describe_columns(frame())).record
    record["columns"][0]["count"] = "many"
    with pytest.raises(InputError, match=r"columns\.0\.count: must be a monitor's profile; it was altered"):
        read_profile(json.loads(json.dumps(record)))


@pytest.mark.parametrize("losses", [[0.1], [0.1, -1.0], [0.1, float("inf")], []])
def test_losses_that_are_no_reference(losses: list[float]) -> None:
    with pytest.raises(InputError, match="two or more finite numbers"):
        describe_losses(np.array(losses))
