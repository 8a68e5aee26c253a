"""Group text: what the plan, the answer and the notes say of groups."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from support import datasets, report_data

from flows.results import data_profile, group_text
from tasks.core import Dataset, Drop, Estimate, Goal, GroupScore, Scorecard, Store
from tasks.core.goal import Limits


def group(value: str, n: int, score: float, drop: float | None, half: float = 0.0, margin: float = 0.02) -> GroupScore:
    """A group whose drop is known to ± half; None is one that was not judged."""
    if drop is None:
        return GroupScore("sex", value, n, None, None)
    estimate = Estimate(drop, drop - half, drop + half, n)
    verdict: Any = "beyond" if drop > margin else "proven within"
    return GroupScore(
        "sex", value, n, Estimate(score, score - 0.1, score + 0.1, n), Drop(estimate, margin, verdict, None)
    )


def found(*pairs: tuple[GroupScore, GroupScore], bound: float | None = None) -> Any:
    """Findings of a product whose mean drop is 0.0038, with (the baseline's, its own) scores of each group."""
    own: Scorecard = dataclasses.replace(
        report_data.card("narrow", 0.92, 0.0038, 0.8, 90_000, split="test"), groups=tuple(each for _, each in pairs)
    )
    before = dataclasses.replace(report_data.BASELINE, groups=tuple(each for each, _ in pairs))
    recipe = SimpleNamespace(goal=Goal(limits=Limits(group_drop=bound)))
    product = SimpleNamespace(digest="p")
    return SimpleNamespace(test={"p": own}, product=product, baseline=before, recipe=recipe)


FINE = (group("M", 900, 0.93, 0.0), group("M", 900, 0.93, 0.001, 0.01))


def test_a_group_that_is_shown_to_be_hurt() -> None:
    hurt = (group("F", 412, 0.9, 0.0), group("F", 412, 0.83, 0.07, 0.04))
    assert group_text.group_warnings(found(FINE, hurt)) == [
        "On test, accuracy of sex=F (n = 412) falls by 0.0700 [0.0300, 0.1100], beyond 0.02, though the mean drop is "
        "0.0038.",
        "goal.limits.group_drop bounds what a group may lose.",
    ]
    assert len(group_text.group_warnings(found(FINE, hurt, bound=0.02))) == 1


def test_a_group_that_may_be_hurt() -> None:
    maybe = (group("F", 41, 0.3, 0.0), group("F", 41, 0.37, 0.07, 0.09))
    assert group_text.group_warnings(found(FINE, maybe))[0] == (
        "On test, accuracy of sex=F (n = 41) may rise beyond 0.02, by 0.0700 [-0.0200, 0.1600], which 41 examples do "
        "not prove, though the mean drop is 0.0038."
    )


def test_the_worst_three_are_told_and_the_others_counted() -> None:
    pairs = [(group(str(row), 50, 0.9, 0.0), group(str(row), 50, 0.8, 0.05 + row / 100, 0.01)) for row in range(5)]
    said = group_text.group_warnings(found(*pairs))
    assert [line.split(" (")[0] for line in said[:3]] == [f"On test, accuracy of sex={row}" for row in (4, 3, 2)]
    assert said[3] == "So it is, or may be, with 2 more groups."


def test_nothing_is_said_where_no_group_is_hurt() -> None:
    few = (group("X", 4, 0.0, None), group("X", 4, 0.0, None))
    assert group_text.group_warnings(found(FINE, few)) == []
    assert group_text.group_notes(found(FINE, few)) == ["Groups that are too few to judge on test: sex=X (n = 4)."]
    assert group_text.group_notes(found(FINE)) == []


@pytest.fixture
def dataset(tmp_path: Path) -> tuple[Dataset, Store]:
    store = Store(tmp_path)
    splits: Any = {
        name: (pd.DataFrame({"x": [0.5] * count}), [0, 1] * (count // 2))
        for name, count in zip(datasets.ORDER, (40, 24, 30, 10), strict=True)
    }
    made = datasets.table_set(store, splits, classes=2)
    groups = {}
    for name, split in made.splits.items():
        values = ["F"] * 12 + ["M"] * (split.count - 12) if split.count > 12 else ["F"] * split.count
        frame = pd.DataFrame({"sex": pd.Categorical(values, ["F", "M", "X"])})
        groups[name] = dataclasses.replace(split, groups=store.put_frame(frame))
    return dataclasses.replace(made, splits=groups), store


def test_the_plan_and_the_report_count_the_groups(dataset: tuple[Dataset, Store]) -> None:
    name, told = "groups of sex (validation / test)", "F 12 / 12, M 12 / 18, X 0 / 0 (too few to judge)"
    assert group_text.group_counts(*dataset) == {name: told}
    assert f"{name}: {told}" in data_profile.profile_lines(*dataset)
    assert data_profile.data_rows(*dataset)[name] == told
