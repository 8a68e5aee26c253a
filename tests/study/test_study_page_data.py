"""The record of a study for its page: what a reader sees of each setting, in the metric's own unit."""

from __future__ import annotations

import math

import pytest
from support import study_results
from support.study_results import POINTS

from flows.study.outputs.study_page_data import cost_text_of, effect_text_of, page_of_study
from tasks.study.effects import Effect, Ratio


def test_a_page_has_a_verdict_for_each_table_and_a_reason_for_each_that_is_missing() -> None:
    page = page_of_study(study_results.study_result())
    tones = {table["name"]: table["tone"] for table in page["tables"]}
    assert tones == {
        "optimizers": "fair",
        "early_stopping": "good",
        "precision": "good",
        "parallelism": "good",
        "augmentation": "good",
        "devices": "bad",
        "data": "none",
    }
    assert [each["title"] for each in page["left"]] == ["Transfer learning", "Pruning"]
    assert [change["path"] for change in page["changes"]] == ["augment", "train.early_stopping"]
    assert page["confirmation"]["tone"] == "good"
    assert page["metric"] == {
        "title": "accuracy",
        "unit": "points",
        "scale": 100.0,
        "margin": 1.0,
        "is_share": True,
        "lower_is_better": False,
    }


def test_a_row_says_what_was_found_and_a_table_the_level_of_its_intervals() -> None:
    tables = {table["name"]: table for table in page_of_study(study_results.study_result())["tables"]}
    first, flip, nasty, crop = tables["augmentation"]["rows"]
    assert (first["is_first"], first["effect"], first["effect_text"]) == (True, None, "")
    assert flip["effect_text"] == "+1.00 [+0.72,\N{NO-BREAK SPACE}+1.28]"
    assert (flip["keep"], flip["tone"], nasty["tone"], crop["tone"]) == (True, "good", "bad", "none")
    level = "Intervals of 98.33 % each, so that all 3 of the table hold together in 95 % of cases."
    assert tables["augmentation"]["level"] == level
    assert tables["data"]["level"] == "Intervals of 95 %."
    assert [row["share"] for row in tables["data"]["rows"]] == [1.0, 0.5]
    assert [curve["label"] for curve in tables["early_stopping"]["curves"]] == ["all epochs", "patience 2"]
    assert tables["parallelism"]["cost"] == "time"


def test_a_gain_has_the_digits_that_its_interval_deserves() -> None:
    effect = Effect(0.0123, 0.0101, 0.0145, 3, 900, "better")
    assert effect_text_of(effect, POINTS) == "+1.23 [+1.01,\N{NO-BREAK SPACE}+1.45]"
    assert effect_text_of(Effect(-0.12, -0.5, 0.26, 3, 9, "open"), POINTS) == "−12 [−50,\N{NO-BREAK SPACE}+26]"
    assert effect_text_of(Effect(-0.0123, -math.inf, math.inf, 1, 9, "open"), POINTS) == "−1.23 in one seed"


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (None, ""),
        (Ratio(0.5, 0.48, 0.521, 3, "less"), "0.500×\N{NARROW NO-BREAK SPACE}[0.480,\N{NO-BREAK SPACE}0.521]"),
        (Ratio(2.0, 0.0, 1e304, 1, "open"), "2.00× in one seed"),
    ],
)
def test_a_cost_is_a_ratio_with_its_interval(cost: Ratio | None, said: str) -> None:
    assert cost_text_of(cost) == said
