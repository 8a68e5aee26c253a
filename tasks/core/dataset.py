"""Dataset: a small record of a split data set; its arrays and frames lie in the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SplitName = Literal["train", "validation", "test", "calibration"]


MATRIX = "columns"
"""Name of the one input for all columns of a wide table."""


@dataclass(frozen=True)
class Split:
    """One split: digests of its raw inputs and its targets, and the number of examples.

    Images: `inputs` is an array (count, height, width, channels), uint8 or float32, as the user's pixels are.
    Arrays: `inputs` is an array (count, …) of any shape, uint8, int64 or float32. Tables: `inputs` is a frame with the
    raw columns: int64 or float64 numbers (NaN where missing), seconds of dates, or text (empty where missing).
    `targets` is int64 (count,) class indices, or float32 (count,) for regression.
    """

    inputs: str
    targets: str
    count: int
    groups: str = ""
    """Digest of a frame with the columns of `data.groups`, one row for each example: categories whose names are the
    groups of the whole data set. Empty without groups."""
    keys: str = ""
    """Digest of an int64 array (count,): the number of each example's group, or its place in time (equal times have
    equal places), by which the data were split. Empty after a random split, and of a part that has its own source."""


@dataclass(frozen=True)
class Column:
    """One raw column of a table: numbers (NaN where missing), text categories (empty text where missing), or dates.

    Dates are float64 seconds since 1970-01-01 UTC (NaN where missing), in frames and as inputs of the product. The
    other fields say how the cells of a text file are written. Every later file is read by them.
    """

    name: str
    kind: Literal["number", "category", "date"]
    decimal: str = "."
    """The decimal mark of the numbers."""
    thousands: str = ""
    """The separator of their thousands."""
    unit: str = ""
    """The currency sign, or `%`, that stands beside them and is left out."""
    missing: tuple[str, ...] = ()
    """Words among the numbers that mean a missing value, besides the usual ones."""
    texts: tuple[str, ...] = ()
    """The texts of a category column in the source; empty when they are very many."""
    truth: bool = False
    """Whether the text is true and false, in any case of letters, which becomes `True` and `False`."""
    center: float | None = None
    """What is subtracted in 64 bits before the numbers become float32, where 32 bits would change them; measured on the
    train split. Such a column is a float64 input of the product. Of dates: where `elapsed` begins, in seconds."""
    form: str = ""
    """How dates are written in text: `date_forms` says the forms; any of them may be followed by a time of day."""
    parts: tuple[str, ...] = ()
    """The parts of dates that a model gets, of `civil_dates.PARTS`."""


@dataclass(frozen=True)
class Range:
    """In which range the training values of a column, a channel or a whole array lie."""

    name: str
    """The column's name, `channel 0`, … of several channels, or `values`."""
    least: float
    most: float
    low: float
    """Quantile at 0.1 %."""
    high: float
    """Quantile at 99.9 %."""
    whole: bool
    """Whether all are whole numbers."""
    dates: bool = False
    """Whether the numbers are seconds of dates."""


@dataclass(frozen=True)
class TextFormat:
    """How the recipe says that a text file is written; empty where the file itself shows it."""

    separator: str = ""
    encoding: str = ""
    names: tuple[str, ...] = ()
    """The columns of a file without a header line."""
    target: str = ""
    """The target among them, which a file for predictions may lack."""


@dataclass(frozen=True)
class Dataset:
    """A data set, checked and split. `fingerprint` is the digest of its content.

    What only tells of the source (`source`, `skipped`, `text_format`, `profile`, `ranges`, `id_column`) is not part of
    the fingerprint, nor are the groups, by which models are judged and not made, nor how the parts were split off.
    """

    source: str
    kind: Literal["images", "array", "table"]
    task: Literal["classification", "regression"]
    input_shape: tuple[int, ...]
    """(height, width, channels) of one image, the shape of one example of an array, or (columns,) of a table."""
    input_dtype: Literal["uint8", "int64", "float32", "columns"]
    columns: tuple[Column, ...]
    classes: tuple[str, ...]
    """Class names in the order of the target's indices; empty for regression."""
    splits: dict[SplitName, Split]
    skipped: tuple[str, ...]
    """Names of the examples that were left out, when the recipe says `on_bad: skip`."""
    fingerprint: str
    input_name: str = "image"
    """Name of the product's input: `image`, the array's own name in its source, or of a table MATRIX where all columns
    are one input, side by side; otherwise without meaning for a table."""
    text_format: TextFormat = TextFormat()
    """How the source of a table is written, where the recipe says so."""
    profile: str = ""
    """Digest of what was understood of the data (JSON): `table_profile.describe_table`, or `array_profile` and of
    encoded images `image_profile.describe_images`. All have `suspicions`, a list of sentences; `sources`, a record for
    each source of its own; and `reference`, the distribution of the train split (`reference_statistics`)."""
    ranges: tuple[Range, ...] = ()
    """The ranges of the train split, of columns of numbers or of channels."""
    id_column: str = ""
    """The column of a table that names its examples and is no input; empty without one."""
    split_by: Literal["random", "time", "group"] = "random"
    """How the parts were split off; `Split.keys` have the times or groups."""

    @property
    def is_matrix(self) -> bool:
        """Whether this is a table whose columns are one input of the product, side by side."""
        return self.kind == "table" and self.input_name == MATRIX

    @property
    def outputs(self) -> int:
        """Outputs of a model for one example: the number of classes, or 1 for regression."""
        return len(self.classes) if self.task == "classification" else 1


@dataclass(frozen=True)
class InputLayout:
    """How a product takes raw data, where it is not as the data set holds them: as an ONNX file of others does."""

    name: str
    """Name of its only input; empty where each column is one."""
    axes: Literal["as they are", "NHWC", "NCHW", "NHW", "NC", "columns"]
    """Images: N examples, H height, W width, C channels; NHW are grey images without an axis for their channel. Tables:
    NC, all columns side by side, or `columns`, each one an input (N, 1). Arrays stay as they are."""
    dtype: str
    """Element type, a NumPy name; empty where each column is an input."""
    columns: tuple[tuple[str, str], ...] = ()
    """(name, element type) of each column that is an input; the type is a NumPy name or `string`."""


@dataclass(frozen=True)
class Prepared:
    """A data set with its preprocessing, which is fitted on the train split only."""

    dataset: Dataset
    fitted: str
    """Digest of the fitted preprocessing (JSON)."""
    inputs: dict[SplitName, str]
    """Digest of each split's compact model inputs: the raw pixels of images and the raw arrays, float32 (count,
    features) of tables."""
    input_shape: tuple[int, ...]
    """Shape of one network input: (channels, height, width), the shape of an array's example, or (features,)."""
    layout: InputLayout | None = None
    """How products take the raw data; None: as the data set holds them, under its own names."""
    categories: tuple[tuple[int, int], ...] = ()
    """(place, count) of each feature of a table that is the code of a category, from 0 to count - 1, or -1 for one that
    train has not."""


@dataclass(frozen=True)
class NetworkFeatures:
    """What the last layer of a trained network gets for the examples of a data set."""

    train: str
    """Digest of a float32 array (count, features)."""
    validation: str
    """Likewise."""
    body: str
    """Digest of the network's state dict; its last layer has no weights of meaning."""
    layer: str
    """Name of the last layer."""
    minutes: float
    """What it took to compute them."""


@dataclass(frozen=True)
class OutOfFold:
    """What a simple model answers for rows of a data set that it was not fitted on."""

    answers: str
    """Digest of a float32 array: logarithms of probabilities (rows, classes), or predictions (rows, 1)."""
    targets: str
    """Digest of their targets, (rows,): int64 class indices or float64 numbers."""
    rows: str
    """Digest of their positions (rows,), int64, sorted, in the rows of the splits one after the other. After a split by
    time the earliest rows are missing."""
    count: int
    """The number of rows."""
    seconds: float
    """What the fits took."""
