"""Data spec: the recipe's section `data`."""

from __future__ import annotations

import codecs
from typing import Literal

from pydantic import Field, field_validator, model_validator

from tasks.core import InputError, Spec
from tasks.data.additions.added_data import AddedData, check_window


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
    """The column with the time or the group; only dates are inputs, too, by their parts that return, such as the month.
    Absent for `time`: the order of the rows."""
    seed: int = Field(default=0, ge=0)
    """Seed of the random and group splits, and of the calibration sample."""


class DataSpec(Spec):
    """Where the data are, and how to read them."""

    source: str
    """A .csv, .tsv, .parquet or .npz file, folder of images or IDX files, sklearn:NAME, package.module:function."""
    validation: str | None = None
    """A separate source of validation examples; then none are split off the main source."""
    test: str | None = None
    """A separate source of test examples; then none are split off the main source."""
    calibration: str | None = None
    """A separate source of calibration examples; then none are drawn from train."""
    # Left out where they are the default: what was stored without them stays valid.
    added: AddedData | None = Field(default=None, exclude_if=lambda added: added is None)
    """Rows that came later; a share of them is the test split."""
    window: str | int | None = Field(default=None, exclude_if=lambda window: window is None)
    """Which train rows are used: `90 days` (8 weeks, 12 hours) before the newest, where the split is by time, or the
    newest `100000 rows`. Absent: all."""
    target: str | None = None
    """The target's column (tables, Parquet images) or array (.npz)."""
    inputs: str | None = None
    """The array of inputs in an .npz, or a Parquet file's column of encoded images. Absent: found automatically."""
    kind: Literal["images", "array", "table"] | None = None
    """What the source holds, if it is not clear: a Parquet file with a column of bytes can also be a table, and numbers
    (count, steps, features) or (count, height, width, channels) an array, whose examples stay as they are."""
    task: Literal["classification", "regression"] | None = None
    """Absent: regression for numbers that are not whole or have more than 20 different values, else classification."""
    split: SplitSpec = SplitSpec()
    on_bad: Literal["stop", "skip"] = "stop"
    """What to do with an example that cannot be read: stop, or leave it out and list it."""
    size: int | None = Field(default=None, ge=1, le=4096)
    """Encoded images are resized to size x size pixels. Absent: to `mixed_size` if sizes differ, else unchanged."""
    mixed_size: int = Field(default=64, ge=1, le=4096, exclude_if=lambda side: side == 64)
    """What encoded images of different sizes become without `size`. Absent: 64, or as a pretrained network expects."""
    id: str | None = None
    """The column of a table that names its examples, in predictions too; it is not an input."""
    drop: tuple[str, ...] = ()
    """Columns of a table that are not used as inputs."""
    groups: tuple[str, ...] = ()
    """Columns whose values form groups, such as sex or clinic: every candidate is judged on each group too. They are
    inputs as well, unless `drop` names them."""
    inputs_as: Literal["columns"] | None = None
    """How a product takes a table: `columns`, one input for each. Absent: one input for all columns side by side,
    called `columns`, where there are more than 64 and all hold numbers."""
    names: tuple[str, ...] = ()
    """Column names of a CSV file without a header line."""
    types: dict[str, Literal["number", "text", "date"]] = Field(default_factory=dict)
    """How columns of a table are read, where it is not as their cells look: codes are text. It also keeps a column that
    would be left out."""
    dates: dict[str, str] = Field(default_factory=dict)
    """Columns of dates → how they are written, such as `%d/%m/%Y` (strptime) where 3/4/2021 may be in March or April;
    `seconds` or `milliseconds` since 1970-01-01. Absent: found in the column."""
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    """The separator of a CSV; a blank means any number of blanks. Absent: found in the file."""
    decimal: Literal[".", ","] | None = None
    """The decimal mark of a CSV, where `1,234` or `1.234` may mean two numbers. Absent: found in the file."""
    encoding: str | None = None
    """The encoding of a CSV. Absent: UTF-8, or UTF-16."""

    @field_validator("window")
    @classmethod
    def _is_window(cls, given: str | int | None) -> str | int | None:
        if given is not None:
            check_window(given)
        return given

    @model_validator(mode="after")
    def _added_rows_are_the_test(self) -> DataSpec:
        if self.added is not None and self.test is not None:
            law = "must be left out beside data.added, of which a share is the test split"
            raise ValueError(InputError(law, path="test", value=self.test))
        return self

    @field_validator("dates")
    @classmethod
    def _are_forms(cls, dates: dict[str, str]) -> dict[str, str]:
        from tasks.data.tables.date_forms import check_form

        for name, form in dates.items():
            try:
                check_form(form)
            except ValueError as error:
                raise ValueError(InputError(str(error), path=name, value=form)) from None
        return dates

    @model_validator(mode="after")
    def _dates_are_typed_as_dates(self) -> DataSpec:
        for name in self.dates:
            if (kind := self.types.get(name, "date")) != "date":
                law = f"must be date, or left out: data.dates has {name!r}, too"
                raise ValueError(InputError(law, path=f"types.{name}", value=kind, nearest="date"))
        return self

    @field_validator("encoding")
    @classmethod
    def _is_encoding(cls, name: str | None) -> str | None:
        try:
            return name and codecs.lookup(name).name
        except LookupError:
            raise ValueError("must be an encoding that Python knows, such as utf-8 or cp1252") from None
