"""Joined splits: train and validation of a table as one train split, for a last fit after validation has chosen."""

from __future__ import annotations

from dataclasses import replace

from tasks.core import Prepared, Split, SplitName, Store, digest_of


def join_splits(prepared: Prepared, store: Store) -> Prepared:
    """The table with a train split that has the rows of train, then those of validation.

    Validation stays as it is, so that files can be compared with their models on it; it judges no model of this train
    split. The train split has no groups, no keys and no features for a network.

    Args:
        prepared: a table.
        store: holds it, and gets the joined rows.
    """
    import numpy as np
    import pandas as pd

    dataset = prepared.dataset
    parts = dataset.splits["train"], dataset.splits["validation"]
    frame = pd.concat([store.get_frame(part.inputs) for part in parts], ignore_index=True)
    targets = np.concatenate([store.get_array(part.targets) for part in parts])
    joined = Split(store.put_frame(frame), store.put_array(targets), len(targets))
    fingerprint = digest_of([dataset.fingerprint, "train and validation"])
    dataset = replace(dataset, splits={**dataset.splits, "train": joined}, fingerprint=fingerprint)
    kept: dict[SplitName, str] = {name: digest for name, digest in prepared.inputs.items() if name != "train"}
    return replace(prepared, dataset=dataset, inputs=kept)
