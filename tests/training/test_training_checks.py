"""Training checks: settings that act on classes, mixtures of examples, and rates."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.core import Column, Dataset, InputError
from tasks.training.train_spec import TrainSpec
from tasks.training.training_checks import check_training


def dataset(kind: Any = "images", task: Any = "classification", **changes: Any) -> Dataset:
    classes = ("cat", "dog") if task == "classification" else ()
    fields = {"input_shape": (8, 8, 1), "input_dtype": "uint8", "columns": ()} | changes
    return Dataset("a.csv", kind, task, classes=classes, splits={}, skipped=(), fingerprint="f", **fields)


TABLE: dict[str, Any] = {"input_shape": (2,), "input_dtype": "columns", "columns": (Column("city", "category"),)}


@pytest.mark.parametrize(
    ("found", "train"),
    [
        (dataset(), {"mixup": 0.2, "cutmix": 1, "label_smoothing": 0.1, "class_weights": {"dog": 2}, "warm_up": 1}),
        (dataset("array"), {"mixup": 0.2, "sampling": "balanced"}),
        (dataset("table", **TABLE), {"mixup": 0.2}),
        (dataset("table", "regression", **TABLE), {"l1": 0.1, "ema": 0.99}),
    ],
)
def test_what_suits_the_data_passes(found: Dataset, train: dict[str, Any]) -> None:
    check_training(TrainSpec.model_validate(train), found, codes=False)


@pytest.mark.parametrize(
    ("found", "train", "says"),
    [
        (dataset(task="regression"), {"label_smoothing": 0.1}, "train.label_smoothing: acts on classes"),
        (dataset(task="regression"), {"mixup": 0.2}, "train.mixup: acts on classes, and the target is a number"),
        (dataset(task="regression"), {"class_weights": "balanced"}, "train.class_weights: acts on classes"),
        (dataset(task="regression"), {"sampling": "balanced"}, "train.sampling: balances classes"),
        (dataset(), {"class_weights": {"dogs": 2}}, "train.class_weights.dogs: is no class of the data.*dog"),
        (dataset("array"), {"cutmix": 1}, "train.cutmix: suits images only.*mixup"),
        (
            dataset("array"),
            {"progressive_resizing": 0.5},
            "train.progressive_resizing: suits images only: leave it out",
        ),
        (dataset("table", **TABLE), {"mixup": 1}, "train.mixup: averages examples, and codes of texts"),
        (dataset(), {"epochs": 3, "warm_up": 3}, "train.warm_up: must be below the 3 epochs of the training"),
    ],
)
def test_what_does_not_suit_the_data_is_named(found: Dataset, train: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        check_training(TrainSpec.model_validate(train), found, codes=True)


def test_class_names_may_be_numbers() -> None:
    assert TrainSpec.model_validate({"class_weights": {1: 2, 0: 1.5}}).class_weights == {"1": 2, "0": 1.5}
