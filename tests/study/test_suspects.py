"""Rows whose labels were flipped are found by models that were trained on other rows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from support import datasets, studies

from flows.study.cells.suspects import find_suspects, without_suspects
from tasks.core import Prepared, Split, SplitName, Store
from tasks.data.preprocessing import preprocess

FLIPPED = (3, 20, 41, 58)


def flipped(store: Store, rows: tuple[int, ...]) -> Prepared:
    """Bright quarters, of which these train rows have the label of the next quarter."""
    prepared = datasets.prepared_squares(store)
    train = prepared.dataset.splits["train"]
    targets = np.array(store.get_array(train.targets))
    targets[list(rows)] = (targets[list(rows)] + 1) % 4
    split = Split(train.inputs, store.put_array(targets), train.count)
    dataset = dataclasses.replace(prepared.dataset, splits={**prepared.dataset.splits, "train": split})
    return dataclasses.replace(prepared, dataset=dataset)


def test_flipped_labels_of_pictures_are_found_and_left_out(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    study = studies.study_of(
        flipped(store, FLIPPED),
        store,
        model={"factory": "tasks.architectures:mlp", "arguments": {"width": 16, "depth": 1}},
        train={"epochs": 12, "batch_size": 8, "learning_rate": 0.01},
    )
    found = find_suspects(study)
    assert set(FLIPPED) <= {each.row for each in found}
    assert len(found) <= len(FLIPPED) + 2
    first = next(each for each in found if each.row == 3)
    assert (first.label, first.seems) == ("class 0", "class 3")
    left = without_suspects(study).splits["train"]
    assert left.count == 64 - len(found)


def test_flipped_labels_of_a_table_are_found_by_its_simple_model(tmp_path: Path) -> None:
    store, random = Store(tmp_path / "store"), np.random.default_rng(0)
    frames = {name: pd.DataFrame(random.normal(size=(120, 2)), columns=["a", "b"]) for name in datasets.ORDER}
    parts: dict[SplitName, Any] = {name: (frame, np.array(frame["a"] > 0)) for name, frame in frames.items()}
    clear = np.flatnonzero(frames["train"]["a"].abs() > 1)[:10]
    parts["train"][1][clear] ^= True
    prepared = preprocess(datasets.table_set(store, parts, classes=2), (), store)
    found = {each.row for each in find_suspects(studies.study_of(prepared, store, model={"family": "linear"}))}
    assert set(clear.tolist()) <= found
    assert len(found) <= 20


def test_a_number_that_is_far_from_its_prediction_is_found(tmp_path: Path) -> None:
    store, random = Store(tmp_path / "store"), np.random.default_rng(0)
    frames = {name: pd.DataFrame(random.normal(size=(60, 2)), columns=["a", "b"]) for name in datasets.ORDER}
    parts: dict[SplitName, Any] = {
        name: (frame, np.array(3 * frame["a"] + random.normal(0, 0.1, 60))) for name, frame in frames.items()
    }
    parts["train"][1][17] = 40.0
    prepared = preprocess(datasets.table_set(store, parts), (), store)
    found = find_suspects(studies.study_of(prepared, store, model={"family": "linear"}))
    assert [(each.row, each.label) for each in found] == [(17, "40")]
    assert abs(float(found[0].seems)) < 12
