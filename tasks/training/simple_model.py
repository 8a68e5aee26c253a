"""Simple model: a logistic or linear regression that is fitted in about a second, beside which a network must stand."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from tasks.core import Prepared, SplitName, Store
from tasks.data import preprocessing
from tasks.kernels.host.measurement_lock import shared_use

if TYPE_CHECKING:
    import numpy as np

NUMBERS = 2_000_000
"""Most numbers (examples x features) of the train split that it is fitted on."""
WIDEST = 4096
"""Most features of one example; wider data have no simple model."""


@shared_use()
def simple_outputs(prepared: Prepared, split: SplitName, store: Store) -> tuple[str, np.ndarray] | None:
    """The simple model's name and its outputs for a split, fitted on the train split; None for data too wide for it.

    Outputs are logits (count, classes), or numbers (count, 1) in the data's unit. All features of an example are in one
    row, scaled by their deviation in train.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression, Ridge

    classes = prepared.dataset.classes
    train, rows = (_rows(prepared, name, store) for name in ("train", split))
    if train.shape[1] > WIDEST:
        return None
    targets = np.array(store.get_array(prepared.dataset.splits["train"].targets))
    some = np.random.default_rng(0).permutation(len(train))[: max(200, NUMBERS // train.shape[1])]
    train, targets = train[some], targets[some]
    middle, spread = train.mean(axis=0), train.std(axis=0)
    train, rows = ((each - middle) / np.where(spread > 0, spread, 1) for each in (train, rows))
    if not classes:
        return "a linear regression", Ridge().fit(train, targets).predict(rows)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it need not converge: a second's work is the point
        found = LogisticRegression(max_iter=100).fit(train, targets)
    logits = found.decision_function(rows)
    logits = np.stack([np.zeros_like(logits), logits], axis=1) if logits.ndim == 1 else logits
    outputs = np.full((len(rows), len(classes)), logits.min() - 10)
    outputs[:, found.classes_] = logits
    return "a logistic regression", outputs


def _rows(prepared: Prepared, split: SplitName, store: Store) -> np.ndarray:
    """A split's network inputs as float64 (count, features)."""
    import torch

    batch = torch.from_numpy(preprocessing.compact(prepared, split, store))
    inputs = preprocessing.to_network(store.get_json(prepared.fitted))(batch)
    return inputs.flatten(1).double().numpy()
