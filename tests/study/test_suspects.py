"""Rows whose labels were flipped are found by models that were trained on other rows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from support import datasets, studies

from flows.study.suspects import find_suspects, without_suspects
from tasks.core import Prepared, Split, Store

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
