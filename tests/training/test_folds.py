"""Folds hold rows back as the data were split, and never use a row twice."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from support import datasets, runs

from tasks.core import InputError, Prepared, Store
from tasks.data.data_spec import DataSpec
from tasks.data.ingestion import ingest, source_stamp
from tasks.training.simple.folds import Fold, folds_of

TRAIN, VALIDATION = 60, 20


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return runs.workspace(tmp_path).store


def prepared_rows(
    store: Store,
    by: Literal["random", "time", "group"] = "random",
    keys: dict[Any, Any] | None = None,
    targets: Any = None,
) -> Prepared:
    """A table of TRAIN and VALIDATION rows in two classes, every fourth in the second."""
    chosen = np.arange(TRAIN + VALIDATION) % 4 == 0 if targets is None else np.asarray(targets)
    ends = {"train": (0, TRAIN), "validation": (TRAIN, TRAIN + VALIDATION)}
    parts: dict[Any, Any] = {
        name: (pd.DataFrame({"x": np.zeros(end - start)}), chosen[start:end]) for name, (start, end) in ends.items()
    }
    dataset = datasets.table_set(store, parts, 2)
    splits = {
        name: dataclasses.replace(split, keys=store.put_array(np.asarray(keys[name])) if keys else "")
        for name, split in dataset.splits.items()
        if keys is None or name in keys
    }
    whole = {**dataset.splits, **splits}
    return Prepared(dataclasses.replace(dataset, splits=whole, split_by=by), "", {}, (1,))


def check_disjoint(fold: Fold) -> None:
    used = np.concatenate([fold.fit, fold.stop, fold.held])
    assert len(set(used.tolist())) == len(used)


def test_random_folds_hold_every_row_back_once_with_equal_shares_of_the_classes(store: Store) -> None:
    prepared = prepared_rows(store)
    folds = folds_of(prepared, 4, store)
    assert sorted(np.concatenate([fold.held for fold in folds]).tolist()) == list(range(80))
    assert [int((fold.held % 4 == 0).sum()) for fold in folds] == [5, 5, 5, 5]
    for number, fold in enumerate(folds):
        check_disjoint(fold)
        assert len(fold.fit) == 40
        np.testing.assert_array_equal(fold.stop, folds[(number + 1) % 4].held)
    np.testing.assert_array_equal(folds[0].held, folds_of(prepared, 4, store)[0].held)


def test_rows_of_train_alone_are_folded_where_they_are_asked(store: Store) -> None:
    folds = folds_of(prepared_rows(store), 3, store, ("train",))
    assert sorted(np.concatenate([fold.held for fold in folds]).tolist()) == list(range(TRAIN))


def test_groups_stay_together(store: Store) -> None:
    groups = np.random.default_rng(0).integers(0, 12, TRAIN + VALIDATION)
    prepared = prepared_rows(store, "group", {"train": groups[:TRAIN], "validation": groups[TRAIN:]})
    for fold in folds_of(prepared, 5, store):
        check_disjoint(fold)
        assert not set(groups[fold.held]) & set(groups[fold.fit])
        assert not set(groups[fold.held]) & set(groups[fold.stop])


def test_a_validation_split_of_its_own_source_is_one_group(store: Store) -> None:
    prepared = prepared_rows(store, "group", {"train": np.arange(TRAIN) % 9})
    for fold in folds_of(prepared, 3, store):
        assert np.count_nonzero(fold.held >= TRAIN) in (0, VALIDATION)


def test_folds_by_time_are_fitted_on_the_past(store: Store) -> None:
    times = np.random.default_rng(0).permutation(np.repeat(np.arange(20), 4))
    keys = {"train": times[:TRAIN], "validation": times[TRAIN:]}
    folds = folds_of(prepared_rows(store, "time", keys), 3, store)
    assert [len(fold.held) for fold in folds] == [16, 16, 16]
    assert [len(fold.fit) for fold in folds] == [16, 32, 48]
    for fold in folds:
        check_disjoint(fold)
        assert times[fold.fit].max() < times[fold.stop].min()
        assert times[fold.stop].max() < times[fold.held].min()


def test_what_cannot_be_folded_is_said(store: Store) -> None:
    with pytest.raises(InputError, match="must be at least 3"):
        folds_of(prepared_rows(store), 2, store)
    rare = np.zeros(80, int)
    rare[:2] = 1
    with pytest.raises(InputError, match=r"needs at least 5 rows of class 'class 1' .*, but there are 2"):
        folds_of(prepared_rows(store, targets=rare), 5, store)
    groups = {"train": np.arange(TRAIN) % 3, "validation": np.full(VALIDATION, 3)}
    with pytest.raises(InputError, match=r"needs at least 5 groups .*, but there are 4.*choice: 3"):
        folds_of(prepared_rows(store, "group", groups), 5, store)
    times = {"train": np.arange(TRAIN) % 4, "validation": np.full(VALIDATION, 4)}
    with pytest.raises(InputError, match=r"needs at least 7 different times .*, but there are 5"):
        folds_of(prepared_rows(store, "time", times), 5, store)
    crowded = {"train": np.maximum(0, np.arange(TRAIN) - 52), "validation": np.arange(VALIDATION) + TRAIN}
    with pytest.raises(InputError, match="too many rows have the same time"):
        folds_of(prepared_rows(store, "time", crowded), 5, store)
    late = (np.arange(80) > 70).astype(int)
    order = {"train": np.arange(TRAIN), "validation": np.arange(TRAIN, 80)}
    with pytest.raises(InputError, match="leaves a fold without class 'class 1' to fit on"):
        folds_of(prepared_rows(store, "time", order, late), 3, store)


@pytest.mark.parametrize("by", ["time", "group"])
def test_ingestion_keeps_the_times_or_groups(by: Literal["time", "group"], tmp_path: Path, store: Store) -> None:
    place = np.random.default_rng(0).permutation(np.arange(90) // 3)
    frame = pd.DataFrame({"x": place + 0.5, "when": place, "y": np.arange(90) * 1.5})
    source = tmp_path / "rows.csv"
    frame.to_csv(source, index=False)
    spec = DataSpec.model_validate({"source": str(source), "target": "y", "split": {"by": by, "column": "when"}})
    dataset = ingest(spec, source_stamp(spec), runs.context_of(store))
    assert dataset.split_by == by
    for name in ("train", "validation", "test"):
        split = dataset.splits[name]
        kept = store.get_array(split.keys)
        assert kept.dtype == np.int64
        before = sorted(store.get_frame(split.inputs)["x"] - 0.5)
        names = np.unique(place.astype(str)) if by == "group" else np.arange(30)
        assert sorted(int(names[each]) for each in kept) == before
