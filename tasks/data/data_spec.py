"""Data spec: the recipe's section `data`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tasks.core import Spec

if TYPE_CHECKING:
    pass


class SplitSpec(Spec):
    """How the data are split into train, validation and test; calibration examples are drawn from train."""

    validation: float = Field(default=0.2, gt=0, lt=1)
    """Share for early stopping, search and selection; unused when the source has its own validation part."""
    test: float = Field(default=0.2, gt=0, lt=1)
    """Share for the final test; unused when the source has its own test part."""
    calibration: int = Field(default=512, ge=1)
    """Number of training examples that techniques use to calibrate and decide."""
    by: Literal["random", "time", "group"] = "random"
    """`random` keeps the shares of the classes; `time` tests on the latest rows; `group` keeps each group together."""
    column: str | None = None
    """The column with the time or the group; it is not an input. Absent for `time`: the order of the rows."""
    seed: int = Field(default=0, ge=0)
    """Seed of the random and group splits, and of the calibration sample."""


class DataSpec(Spec):
    """Where the data are, and how to read them."""

    source: str
    """A .csv, .parquet or .npz file, folder of images or IDX files, sklearn:NAME, package.module:function."""
    validation: str | None = None
    """A separate source of validation examples; then none are split off the main source."""
    test: str | None = None
    """A separate source of test examples; then none are split off the main source."""
    calibration: str | None = None
    """A separate source of calibration examples; then none are drawn from train."""
    target: str | None = None
    """The target's column (tables, Parquet images) or array (.npz)."""
    inputs: str | None = None
    """The array of inputs in an .npz, or a Parquet file's column of encoded images. Absent: found automatically."""
    kind: Literal["images", "table"] | None = None
    """What the source holds, if it is not clear: a Parquet file with a column of bytes can also be a table."""
    task: Literal["classification", "regression"] | None = None
    """Absent: regression for numbers that are not whole or have more than 20 different values, else classification."""
    split: SplitSpec = SplitSpec()
    on_bad: Literal["stop", "skip"] = "stop"
    """What to do with an example that cannot be read: stop, or leave it out and list it."""
    size: int | None = Field(default=None, ge=1, le=4096)
    """Encoded images are resized to size x size pixels. Absent: 64 x 64 if their sizes differ, else unchanged."""
    drop: tuple[str, ...] = ()
    """Columns of a table that are not used as inputs."""
    names: tuple[str, ...] = ()
    """Column names of a CSV file without a header line."""
