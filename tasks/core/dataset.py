"""Dataset: a manifest of a few hundred bytes; its arrays and frames lie in the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SplitName = Literal["train", "validation", "test", "calibration"]


@dataclass(frozen=True)
class Split:
    """One part of the data: digests of its raw inputs and of its targets, and how many examples they hold.

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
    """What a source gave, split. `fingerprint` is the digest of everything in it except where it came from."""

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
    """The examples that could not be read, named, when the recipe says `on_bad: skip`."""
    fingerprint: str

    @property
    def outputs(self) -> int:
        """How many numbers a model gives for one example: the classes, or one."""
        return len(self.classes) if self.task == "classification" else 1


@dataclass(frozen=True)
class Prepared:
    """A dataset with its preprocessing, fitted on the train split only."""

    dataset: Dataset
    fitted: str
    """Digest of the fitted preprocessing (JSON)."""
    inputs: dict[SplitName, str]
    """Digest of each split's compact model inputs: the raw pixels of images, float32 (count, features) of tables."""
    input_shape: tuple[int, ...]
    """What the network sees of one example: (channels, height, width), or (features,)."""
