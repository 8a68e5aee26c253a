"""The request to a reader, and the examples that it returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.core import Column, InputError, Progress, SplitName, silent

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["images", "array", "table"]


@dataclass(frozen=True)
class Request:
    """One source, and the recipe's settings for reading it (see `data_spec.DataSpec`)."""

    source: str
    field: str = "data.source"
    """The source's path in the recipe, with which messages begin."""
    target: str | None = None
    inputs: str | None = None
    kind: Kind | None = None
    size: int | None = None
    mixed_size: int = 64
    shape: tuple[int, int, int] | None = None
    """(height, width, channels) to which encoded images are converted: those of the training data."""
    drop: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    types: Mapping[str, Literal["number", "text", "date"]] = dataclasses.field(default_factory=dict)
    """How columns are read, where it is not as their cells look."""
    dates: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Columns of dates → their form (`date_forms`), where the recipe says it."""
    task: Literal["classification", "regression"] | None = None
    """Where the recipe says it: the target of a regression is read as numbers."""
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    target_column: Column | None = None
    """How the training data's target is written, for other sources."""
    order: str | None = None
    """The column for a split by time or group."""
    is_by_time: bool = False
    """Whether it is for a split by time: dates are an input, too."""
    id: str | None = None
    """The column that names the examples and is no input; other sources need not have it."""
    groups: tuple[str, ...] = ()
    """Columns whose values form groups of examples."""
    on_bad: Literal["stop", "skip"] = "stop"
    progress: Progress = silent
    """Called with the number of images decoded so far."""

    @property
    def path(self) -> Path:
        """The source as a path, `~` expanded."""
        return Path(self.source).expanduser()


@dataclass(frozen=True)
class Examples:
    """Some examples in the order of their source.

    `inputs`: images, uint8 or float32 (count, height, width, channels); an array of any shape (count, …), uint8, int64
    or float32; or a data frame with one row per example.
    `targets` (count,): int64; float64, NaN where missing; or text (dtype object), empty where missing.
    `order` (count,): values of the column for a split by time or group, if the request names one.
    `groups` (count, columns): the groups of each example as text, if the request names such columns.
    `keys` (count,): int64, the number of its group or its place in time, after a split by group or time.
    `at` (count,): the examples' row numbers in the source, from 0; None when they are all of its rows.
    """

    inputs: np.ndarray | pd.DataFrame
    targets: np.ndarray
    order: pd.Series | None = None
    at: np.ndarray | None = None
    groups: pd.DataFrame | None = None
    keys: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: np.ndarray) -> Examples:
        """The examples at these positions, in this order."""
        inputs = self.inputs[rows] if isinstance(self.inputs, np.ndarray) else self.inputs.iloc[rows]
        order = None if self.order is None else self.order.iloc[rows]
        at = rows if self.at is None else self.at[rows]
        groups = None if self.groups is None else self.groups.iloc[rows]
        keys = None if self.keys is None else self.keys[rows]
        return Examples(inputs, self.targets[rows], order, at, groups, keys)


@dataclass(frozen=True)
class Rows:
    """The content of one source. Validation and test are set if the source has these parts; all else is `train`."""

    kind: Kind
    train: Examples
    validation: Examples | None = None
    test: Examples | None = None
    skipped: tuple[str, ...] = ()
    """Names of the examples that were left out, when the request says `on_bad: skip`."""
    name: str = "image"
    """The name that the product's input gets: that of an array in its source; without meaning for a table."""
    is_text: bool = False
    """Whether the cells of a table are text as written, and their types are still to be found."""
    target_column: Column | None = None
    """How the target of a table is written."""
    images: Mapping[str, object] = dataclasses.field(default_factory=dict)
    """What was seen of encoded images, as JSON (`image_profile.describe_images`); empty for other data."""

    @property
    def parts(self) -> dict[SplitName, Examples]:
        """The existing parts, by name."""
        given: dict[SplitName, Examples | None]
        given = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: examples for name, examples in given.items() if examples is not None}


def leave_out(rows: Rows, bad: np.ndarray, law: str, request: Request, field: str | None = None) -> Rows:
    """`rows` without the examples of `train` where `bad` (count,) is True, whose names are added to `skipped`.

    Unless the request says `on_bad: skip`, raises InputError with `law`, their number and the first.
    """
    if not bad.any():
        return rows
    left_out = rows.train.take(np.flatnonzero(bad)).at
    assert left_out is not None  # `take` always tells
    if request.on_bad == "stop":
        raise InputError(
            f"{law} in {request.source}, but {len(left_out)} of {bad.size} rows break this, "
            f"the first is row {left_out[0]}, counted from 0 (data.on_bad: skip leaves them out)",
            path=field or request.field,
        )
    names = tuple(f"{request.source} row {row}" for row in left_out)
    return dataclasses.replace(rows, train=rows.train.take(np.flatnonzero(~bad)), skipped=rows.skipped + names)
