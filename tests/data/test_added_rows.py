"""Added rows: what joins, what is held out, what the window leaves, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import runs

from tasks.core import Context, Dataset, InputError, Store
from tasks.data.data_spec import DataSpec
from tasks.data.ingestion import ingest, source_stamp


def table(rows: int, first: str, shift: float = 0.0) -> pd.DataFrame:
    """A number that tells the row, a text, a day for each row, and two classes."""
    days = pd.date_range(first, periods=rows).strftime("%Y-%m-%d")
    number = np.arange(rows) + shift
    kinds = np.where(number % 3 == 0, "a", "b")
    return pd.DataFrame(
        {"number": number, "kind": kinds, "day": days, "answer": np.where(number % 2 == 0, "no", "yes")}
    )


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """200 days of 2020, and 50 days after them."""
    found = {"old": table(200, "2020-01-01"), "new": table(50, "2020-07-19", 1000.0)}
    places = {name: str(tmp_path / f"{name}.csv") for name in found}
    for name, frame in found.items():
        frame.to_csv(places[name], index=False)
    return places


def read(files: dict[str, str], home: Path, **changes: Any) -> tuple[Dataset, Store]:
    content = {"source": files["old"], "target": "answer", "added": {"source": files["new"]}, **changes}
    spec = DataSpec.model_validate(content)
    context = Context(runs.workspace(home))
    return ingest(spec, source_stamp(spec), context), context.store


def numbers(found: tuple[Dataset, Store], split: Any) -> np.ndarray:
    dataset, store = found
    return store.get_frame(dataset.splits[split].inputs)["number"].to_numpy()


BY_TIME = {"by": "time", "column": "day"}


def test_the_newest_added_rows_are_held_out(files: dict[str, str], tmp_path: Path) -> None:
    found = read(files, tmp_path, split=BY_TIME)
    assert numbers(found, "test").tolist() == list(range(1040, 1050))
    train, validation = numbers(found, "train"), numbers(found, "validation")
    assert len(train) + len(validation) == 240
    assert validation.tolist() == [*range(192, 200), *range(1000, 1040)]


def test_without_time_they_are_drawn_at_random_out_of_the_added_rows(files: dict[str, str], tmp_path: Path) -> None:
    held = numbers(read(files, tmp_path), "test")
    assert len(held) == 10
    assert held.min() >= 1000
    assert not np.array_equal(held, np.arange(1040, 1050))
    assert np.array_equal(held, numbers(read(files, tmp_path), "test")), "the same rows again"


def test_added_rows_replace_the_others(files: dict[str, str], tmp_path: Path) -> None:
    added = {"source": files["new"], "rule": "replace", "holdout": 0.4}
    found = read(files, tmp_path, added=added)
    assert sorted([*numbers(found, "train"), *numbers(found, "validation"), *numbers(found, "test")]) == list(
        range(1000, 1050)
    )
    assert len(numbers(found, "test")) == 20


@pytest.mark.parametrize(
    ("window", "split", "oldest", "count"),
    [
        ("30 days", BY_TIME, 1010, 30),
        ("60 rows", BY_TIME, 180, 60),
        (60, {}, 180, None),
        ("10 weeks", BY_TIME, 170, 70),
    ],
)
def test_a_window_keeps_the_newest_rows(
    files: dict[str, str], tmp_path: Path, window: Any, split: Any, oldest: int, count: int | None
) -> None:
    found = read(files, tmp_path, window=window, split=split)
    kept = np.concatenate([numbers(found, "train"), numbers(found, "validation")])
    assert kept.min() == oldest
    assert count is None or len(kept) == count
    assert len(numbers(found, "test")) == 10, "the window is one of train"


def test_a_window_without_added_rows(files: dict[str, str], tmp_path: Path) -> None:
    found = read(files, tmp_path, added=None, window="100 rows")
    assert sum(part.count for name, part in found[0].splits.items() if name != "calibration") == 100


@pytest.mark.parametrize(
    ("window", "split", "told"),
    [
        (
            "90 moons",
            {},
            "must be a number of rows, or a time, but got '90 moons'; nearest valid",
        ),
        ("90 days", {}, "data.window: can be a time only where data.split.by is time"),
        ("90 days", {"by": "time", "column": "number"}, "data.window: can be a time only where"),
    ],
)
def test_windows_that_cannot_be_read(files: dict[str, str], tmp_path: Path, window: Any, split: Any, told: str) -> None:
    with pytest.raises(Exception, match="window") as caught:
        read(files, tmp_path, window=window, split=split)
    assert told in str(caught.value)


def test_other_columns_and_classes_are_refused(files: dict[str, str], tmp_path: Path) -> None:
    new = pd.read_csv(files["new"])
    for change, told in (
        ({"drop": "kind"}, "must have the column 'kind', as the training data have"),
        ({"answer": "maybe"}, "classes of the added part must be among those of train, but got 'maybe'"),
    ):
        place = tmp_path / "other.csv"
        frame = new.drop(columns="kind") if "drop" in change else new.assign(answer="maybe")
        frame.to_csv(place, index=False)
        with pytest.raises(InputError) as caught:
            read({**files, "new": str(place)}, tmp_path)
        assert "data.added.source: " in str(caught.value)
        assert told in str(caught.value)


def test_rows_older_than_the_others_are_not_fresh(files: dict[str, str], tmp_path: Path) -> None:
    place = tmp_path / "late.csv"
    table(40, "2020-03-01", 1000.0).to_csv(place, index=False)
    with pytest.raises(InputError, match=r"must have rows newer than all of .*old\.csv"):
        read({**files, "new": str(place)}, tmp_path, split=BY_TIME)


def test_arrays_are_joined(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    places = {}
    for name, rows in (("old", 100), ("new", 40)):
        places[name] = str(tmp_path / f"{name}.npz")
        np.savez(places[name], x=rng.normal(size=(rows, 5)).astype(np.float32), y=np.arange(rows) % 2)
    found, _ = read(places, tmp_path, target="y", inputs="x")
    assert found.splits["test"].count == 8
    assert found.splits["train"].count + found.splits["validation"].count == 132


def test_a_test_of_its_own_has_no_place_beside_them(files: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"must be left out beside data\.added"):
        DataSpec.model_validate({"source": "a.csv", "test": "b.csv", "added": {"source": files["new"]}})
