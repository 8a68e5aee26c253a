"""Train rows: a data set with only some of its train examples; the other parts stay as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.core import Dataset, Store, digest_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST = 2
"""Examples of each class that a draw leaves, where train has so many."""


def draw_train_rows(dataset: Dataset, share: float, seed: int, store: Store) -> Dataset:
    """The data set with a random share of its train examples, in their order, with the shares of the classes.

    Args:
        dataset: the data, which hold no features yet.
        share: above 0, at most 1.
        seed: of the draw.
        store: holds the data, and gets the rows that are kept.
    """
    import numpy as np

    targets = store.get_array(dataset.splits["train"].targets)
    generator = np.random.default_rng(seed)
    if dataset.task == "regression":
        count = max(LEAST, round(share * len(targets)))
        kept = generator.permutation(len(targets))[:count]
    else:
        parts = []
        for each in np.unique(targets):
            rows = generator.permutation(np.flatnonzero(targets == each))
            parts.append(rows[: max(LEAST, round(share * len(rows)))])
        kept = np.concatenate(parts)
    return keep_train_rows(dataset, np.sort(kept), store)


def drop_train_rows(dataset: Dataset, rows: tuple[int, ...], store: Store) -> Dataset:
    """The data set without these train examples, which are named by their places."""
    import numpy as np

    return keep_train_rows(dataset, np.setdiff1d(np.arange(dataset.splits["train"].count), rows), store)


def keep_train_rows(dataset: Dataset, kept: NDArray[np.int64], store: Store) -> Dataset:
    """The data set with only these train examples.

    Args:
        dataset: the data.
        kept: their places, sorted.
        store: holds the data, and gets the rows that are kept.
    """
    train = dataset.splits["train"]
    if dataset.kind == "table":
        inputs = store.put_frame(store.get_frame(train.inputs).iloc[kept].reset_index(drop=True))
    else:
        inputs = store.put_array(store.get_array(train.inputs)[kept])
    groups = store.get_frame(train.groups).iloc[kept].reset_index(drop=True) if train.groups else None
    split = replace(
        train,
        inputs=inputs,
        targets=store.put_array(store.get_array(train.targets)[kept]),
        count=len(kept),
        groups="" if groups is None else store.put_frame(groups),
        keys=store.put_array(store.get_array(train.keys)[kept]) if train.keys else "",
    )
    fingerprint = digest_of([dataset.fingerprint, "train rows", split.inputs, split.targets])
    return replace(dataset, splits={**dataset.splits, "train": split}, fingerprint=fingerprint)
