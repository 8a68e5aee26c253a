"""Dataset: a small record of a split data set; its arrays and frames lie in the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SplitName = Literal["train", "validation", "test", "calibration"]


@dataclass(frozen=True)
class Split:
    """One split: digests of its raw inputs and its targets, and the number of examples.

    Images: `inputs` is an array (count, height, width, channels), uint8 or float32, as the user's pixels are.
    Tables: `inputs` is a frame with the raw columns. `targets` is int64 (count,) class indices, or float32
    (count,) for regression.
    """

    inputs: str
    targets: str
    count: int


@dataclass(frozen=True)
class Column:
    """One raw column of a table: numbers (NaN where missing), or text categories (empty text where missing)."""

    name: str
    kind: Literal["number", "category"]


@dataclass(frozen=True)
class Dataset:
    """A data set, checked and split. `fingerprint` is the digest of its content, without `source` and `skipped`."""

    source: str
    kind: Literal["images", "table"]
    task: Literal["classification", "regression"]
    input_shape: tuple[int, ...]
    """(height, width, channels) of one image, or (columns,) of a table."""
    input_dtype: Literal["uint8", "float32", "columns"]
    columns: tuple[Column, ...]
    classes: tuple[str, ...]
    """Class names in the order of the target's indices; empty for regression."""
    splits: dict[SplitName, Split]
    skipped: tuple[str, ...]
    """Names of the examples that were left out, when the recipe says `on_bad: skip`."""
    fingerprint: str

    @property
    def outputs(self) -> int:
        """Outputs of a model for one example: the number of classes, or 1 for regression."""
        return len(self.classes) if self.task == "classification" else 1


@dataclass(frozen=True)
class Prepared:
    """A data set with its preprocessing, which is fitted on the train split only."""

    dataset: Dataset
    fitted: str
    """Digest of the fitted preprocessing (JSON)."""
    inputs: dict[SplitName, str]
    """Digest of each split's compact model inputs: the raw pixels of images, float32 (count, features) of tables."""
    input_shape: tuple[int, ...]
    """Shape of one network input: (channels, height, width), or (features,)."""
