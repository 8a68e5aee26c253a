"""Measurement: the baseline's file scores as its training did."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from tasks.compression.measure import check_training_score, groups_of_split
from tasks.core import Candidate, InputError, MetricSpec, Split, Step, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def check(store: Store, trained: float, scored: float, target: dict[str, float] | None = None, **changes: Any) -> None:
    """Checks a training whose second epoch was the best."""
    curve = [{"number": 1, "validation_score": 0.0}, {"number": 2, "validation_score": trained}]
    record = store.put_json({"curve": curve, "best_epoch": 2})
    step = Step(
        changes.get("technique", "train"),
        1,
        {"metric": MetricSpec("rmse" if target else "accuracy").record},
        None,
        record,
        None,
    )
    baseline = Candidate("baseline", "onnx", "", {}, (step,), "")
    metric = changes.get("metric", step.knobs["metric"]["name"])
    card: Any = SimpleNamespace(metric=metric, score=SimpleNamespace(value=scored, n=200))
    prepared: Any = SimpleNamespace(fitted=store.put_json({"target": target} if target else {}))
    check_training_score(baseline, card, MetricSpec(metric), prepared, store)


def test_groups_of_a_split_are_those_of_the_whole_data(store: Store) -> None:
    frame = pd.DataFrame({"sex": pd.Categorical(["F", "M", "F"], ["F", "M", "X"])})
    split = Split("", "", 3, store.put_frame(frame))
    dataset: Any = SimpleNamespace(splits={"test": split, "train": Split("", "", 3)})
    found = groups_of_split(dataset, "test", store)
    assert [(each.column, each.value, each.rows.tolist()) for each in found] == [
        ("sex", "F", [0, 2]),
        ("sex", "M", [1]),
        ("sex", "X", []),
    ]
    assert groups_of_split(dataset, "train", store) == ()


def test_the_same_score_passes(store: Store) -> None:
    check(store, 0.9, 0.9)
    check(store, 0.9, 0.882)  # 1 % of 0.9, and two examples of 200
    check(store, 20.0, 20.0, {"mean": 300.0, "std": 80.0})


def test_another_score_is_one_sentence(store: Store) -> None:
    with pytest.raises(InputError) as found:
        check(store, 0.9, 0.88)
    assert str(found.value) == (
        "model.factory: scores 0.9 on validation (accuracy) at the end of its training, but 0.88 as a file, so the "
        "file is not what was trained"
    )
    with pytest.raises(InputError, match=r"scores 20 on validation \(RMSE\) at the end of its training, but 22 as a"):
        check(store, 20.0, 22.0, {"mean": 300.0, "std": 80.0})


def test_what_was_not_trained_here_passes(store: Store) -> None:
    check(store, 0.9, 0.1, technique="load")
    check(store, 0.9, 0.1, metric="f1")
