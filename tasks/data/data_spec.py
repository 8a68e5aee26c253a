"""data_spec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tasks.core import Spec

if TYPE_CHECKING:
    pass


class SplitSpec(Spec):
    """How the data are cut into train, validation and test; calibration examples are drawn from train."""

    validation: float = Field(default=0.2, gt=0, lt=1)
    """Share for early stopping, search and selection; unused when the source has such a part."""
    test: float = Field(default=0.2, gt=0, lt=1)
    """Share for the one test at the end; unused when there is separate test data."""
    calibration: int = Field(default=512, ge=1)
    """Training examples that techniques look at to decide."""
    by: Literal["random", "time", "group"] = "random"
    """`random` keeps the shares of the classes; `time` tests on the latest; `group` never splits a group."""
    column: str | None = None
    """The column with the time or the group, which is no input; time without one is the order of rows."""
    seed: int = Field(default=0, ge=0)
    """Seed of the random and group cuts, and of the calibration sample."""


class DataSpec(Spec):
    """Where the data are, and what in them is what."""

    source: str
    """A .csv, .parquet or .npz file, folder of images or IDX files, sklearn:NAME, package.module:function."""
    validation: str | None = None
    """A separate source of validation examples; then none are cut from the main source."""
    test: str | None = None
    """A separate source of test examples; then none are cut from the main source."""
    calibration: str | None = None
    """A separate source of examples for techniques to decide by; then none are drawn from train."""
    target: str | None = None
    """The target's column (tables, Parquet images) or array (.npz)."""
    inputs: str | None = None
    """The array of inputs in an .npz, or a Parquet file's column of encoded images; found if not given."""
    kind: Literal["images", "table"] | None = None
    """What the source holds, if it cannot be seen: a Parquet file with a bytes column can be a table."""
    task: Literal["classification", "regression"] | None = None
    """If not given: numbers that are not whole, or of which more than 20 differ, call for regression."""
    split: SplitSpec = SplitSpec()
    on_bad: Literal["stop", "skip"] = "stop"
    """What to do with an example that cannot be used: stop, or leave it out and list it."""
    size: int | None = Field(default=None, ge=1, le=4096)
    """Encoded images become size x size pixels; if sizes differ and this is not given, 64 x 64."""
    drop: tuple[str, ...] = ()
    """Columns of a table that are no inputs."""
    names: tuple[str, ...] = ()
    """Column names of a CSV that has no header line."""
