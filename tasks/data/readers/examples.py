"""What a reader is asked for, and what it gives back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.core import InputError, SplitName

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["images", "table"]
OnProgress = Callable[[int, int], None]
"""Called with (examples decoded so far, examples in all)."""


@dataclass(frozen=True)
class Request:
    """One source, and how the recipe says to read it."""

    source: str
    field: str = "data.source"
    """Where in the recipe the source stands: messages begin with it."""
    target: str | None = None
    inputs: str | None = None
    kind: Kind | None = None
    size: int | None = None
    shape: tuple[int, int, int] | None = None
    """(height, width, channels) that encoded images must take: those of the training data."""
    drop: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    order: str | None = None
    """The column that `split.by` time or group goes by."""
    on_bad: Literal["stop", "skip"] = "stop"
    on_progress: OnProgress | None = None

    @property
    def path(self) -> Path:
        """The source as a path, `~` expanded."""
        return Path(self.source).expanduser()


@dataclass(frozen=True)
class Examples:
    """Some examples in the order of their source.

    `inputs`: images, uint8 or float32 (count, height, width, channels), or a frame with one row an example.
    `targets` (count,): int64; float64, NaN where missing; or text (dtype object), empty where missing.
    `order` (count,): values of the column that the split goes by, if the request names one.
    `at` (count,): the rows of the source that these are, counted from 0; None when they are all of them.
    """

    inputs: np.ndarray | pd.DataFrame
    targets: np.ndarray
    order: pd.Series | None = None
    at: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: np.ndarray) -> Examples:
        """The examples at these positions, in this order."""
        inputs = self.inputs[rows] if isinstance(self.inputs, np.ndarray) else self.inputs.iloc[rows]
        order = None if self.order is None else self.order.iloc[rows]
        return Examples(inputs, self.targets[rows], order, rows if self.at is None else self.at[rows])


@dataclass(frozen=True)
class Rows:
    """All that one source holds. A source that comes in parts gives them apart, else all is `train`."""

    kind: Kind
    train: Examples
    validation: Examples | None = None
    test: Examples | None = None
    skipped: tuple[str, ...] = ()
    """Names of the examples that could not be read, when the request says `on_bad: skip`."""

    @property
    def parts(self) -> dict[SplitName, Examples]:
        """The parts that are there, by name."""
        given: dict[SplitName, Examples | None]
        given = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: examples for name, examples in given.items() if examples is not None}


def leave_out(rows: Rows, bad: np.ndarray, law: str, request: Request, field: str | None = None) -> Rows:
    """Leaves out the `bad` (count,) examples of `rows.train` and names them in `skipped`.

    Raises InputError (`law`, how many, the first) unless the request says `on_bad: skip`.
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
