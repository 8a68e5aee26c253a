"""Bad input: every law about data, with a real file that breaks it and the whole message that follows."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.core import InputError, Store
from tasks.data.data_spec import DataSpec
from tasks.data.ingestion import ingest

ROWS = [f"{age},{job},{left}" for age, job, left in zip(range(20), "ab" * 10, ["yes", "no"] * 10, strict=True)]


def csv(folder: Path, *lines: str, header: str = "age,job,left", name: str = "a.csv") -> str:
    (folder / name).write_text("\n".join((header, *(lines or ROWS))) + "\n")
    return str(folder / name)


def folder(tmp_path: Path, *broken: str) -> str:
    for label in ("ant", "bee"):
        for number in range(6):
            file = tmp_path / "photos" / label / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 3 + number % 2), (number, 0, 0)).save(file)
    for name in broken:
        (tmp_path / "photos" / name).write_bytes(b"\x89PNG broken")
    return str(tmp_path / "photos")


def parquet(tmp_path: Path, **columns: Any) -> str:
    pd.DataFrame(columns).to_parquet(tmp_path / "a.parquet")
    return str(tmp_path / "a.parquet")


def npz(tmp_path: Path, **arrays: Any) -> str:
    np.savez(tmp_path / "a.npz", **arrays)
    return str(tmp_path / "a.npz")


def written(tmp_path: Path, name: str, data: bytes = b"") -> str:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(data)
    return str(tmp_path / name)


def module(tmp_path: Path, name: str, body: str, function: str = "load") -> str:
    written(tmp_path, f"{name}.py", f"import numpy as np\n{body}\n".encode())
    return f"{name}:{function}"


def empty_folders(tmp_path: Path, *classes: str) -> str:
    for name in ("", *classes):
        (tmp_path / "photos" / name).mkdir()
    return f"{tmp_path}/photos"


def idx(tmp_path: Path, images: bytes, labels: bytes = struct.pack(">2I", 0x801, 2) + b"\0\1") -> str:
    written(tmp_path, "idx/train-images-idx3-ubyte", images)
    written(tmp_path, "idx/train-labels-idx1-ubyte", labels)
    return str(tmp_path / "idx")


TWO_IMAGES = struct.pack(">4I", 0x803, 2, 1, 1) + b"\0\1"
X10 = np.zeros((10, 2))
Y10 = np.arange(10) % 2


def with_nan() -> np.ndarray:
    values = np.zeros((10, 2))
    values[[3, 7], 1] = np.nan, np.inf
    return values


Make = Callable[[Path], dict[str, Any]]

BAD: dict[str, tuple[Make, str]] = {
    "missing file": (
        lambda p: {"source": csv(p).replace("a.csv", "aa.csv")},
        "data.source: must be a file or folder that exists, but got '{p}/aa.csv'; nearest valid choice: {p}/a.csv",
    ),
    "missing test file": (
        lambda p: {"source": csv(p), "target": "left", "test": "nowhere/b.csv"},
        "data.test: must be a file or folder that exists, but got 'nowhere/b.csv'",
    ),
    "unknown extension": (
        lambda p: {"source": written(p, "a.cvs")},
        "data.source: must be a folder, an import path, sklearn:NAME, or a file that ends with .csv, "
        ".csv.gz, "
        ".data, .test, .parquet, .npz, but got '{p}/a.cvs'; nearest valid choice: .csv",
    ),
    "unknown shipped set": (
        lambda p: {"source": "sklearn:digit"},
        "data.source: must be a data set that scikit-learn ships, but got 'sklearn:digit'; "
        "nearest valid choice: sklearn:digits",
    ),
    "no such module": (
        lambda p: {"source": module(p, "my_data_a", "").replace("data", "dat")},
        "data.source: must name a module that can be imported, from the current folder or installed, "
        "but got 'my_dat_a:load'; nearest valid choice: my_data_a:load",
    ),
    "no such function": (
        lambda p: {"source": module(p, "my_data_b", "def load(): pass", "lod")},
        "data.source: must name a function of the module my_data_b, but got 'lod'; "
        "nearest valid choice: my_data_b:load",
    ),
    "function returns something else": (
        lambda p: {"source": module(p, "my_data_c", "def load(): return 1")},
        "data.source: my_data_c:load must return (inputs, targets) or a data frame, but got 'int'",
    ),
    "function returns ragged rows": (
        lambda p: {"source": module(p, "my_data_e", "def load(): return [[1], [1, 2]], [0, 1]")},
        "data.source: my_data_e:load must return arrays: setting an array element with a "
        "sequence. The requested "
        "array has an inhomogeneous shape after 1 dimensions. The detected shape was (2,) + "
        "inhomogeneous part.",
    ),
    "function returns a number": (
        lambda p: {"source": module(p, "my_data_f", "def load(): return 1, 2")},
        "data.source: inputs of my_data_f:load must be numbers of shape (count, height, width[, channels]) "
        "or (count, features), but got 'int64 ()'",
    ),
    "function returns a frame and too few targets": (
        lambda p: {
            "source": module(p, "my_data_g", "import pandas as pd\ndef load(): return pd.DataFrame({'a': [1, 2]}), [0]")
        },
        "data.source: inputs and targets of my_data_g:load must be equally many, but got '2 inputs and 1 targets'",
    ),
    "function returns NaN": (
        lambda p: {"source": module(p, "my_data_d", "def load(): return np.array([[np.nan], [1]]), [0, 1]")},
        "data.source: inputs must be finite in float32 in my_data_d:load, but 1 of 2 rows break this, "
        "the first is row 0, counted from 0 (data.on_bad: skip leaves them out)",
    ),
    "target column absent": (
        lambda p: {"source": csv(p), "target": "lefts"},
        "data.target: must name a column of {p}/a.csv, but got 'lefts'; nearest valid choice: left",
    ),
    "no target for a table": (
        lambda p: {"source": csv(p)},
        "data.target: must name the target column of {p}/a.csv; its columns are age, job, left",
    ),
    "no target for parquet images": (
        lambda p: {"source": parquet(p, image=[b"1"], label=["a"])},
        "data.target: must name the target column of {p}/a.parquet; its columns are label",
    ),
    "one class": (
        lambda p: {"source": csv(p, "1,a,yes", "2,b,yes", "3,a,yes"), "target": "left"},
        "data.source: targets of {p}/a.csv must differ, but all are 'yes'",
    ),
    "empty folder": (
        lambda p: {"source": empty_folders(p)},
        "data.source: {p}/photos must hold one sub-folder of images for each class",
    ),
    "empty class folder": (
        lambda p: {"source": empty_folders(p, "ant")},
        "data.source: {p}/photos/ant must hold at least one image "
        "(.jpg, .jpeg, .png, .gif, .bmp, .webp, .tif, .tiff, .ppm, .pgm)",
    ),
    "image that does not decode": (
        lambda p: {"source": folder(p, "bee/2.png", "bee/3.png")},
        "data.source: images must decode in {p}/photos, but 2 of 12 do not, the first is "
        "{p}/photos/bee/2.png "
        "(data.on_bad: skip leaves them out)",
    ),
    "parquet image that does not decode": (
        lambda p: {"source": parquet(p, image=[b"1", None], label=["a", "b"]), "target": "label"},
        "data.source: images must decode in {p}/a.parquet, but 2 of 2 rows break this, "
        "the first is row 0, counted from 0 (data.on_bad: skip leaves them out)",
    ),
    "nothing left after skipping": (
        lambda p: {
            "source": parquet(p, image=[b"1", None], label=["a", "b"]),
            "target": "label",
            "on_bad": "skip",
        },
        "data.source: {p}/a.parquet must hold at least one usable example",
    ),
    "inf in a CSV": (
        lambda p: {"source": csv(p, *ROWS, "inf,a,no", "1e39,a,no"), "target": "left"},
        "data.source: numbers must be finite in float32 in {p}/a.csv, but 2 of 22 rows break this, "
        "the first is row 20, counted from 0 (data.on_bad: skip leaves them out)",
    ),
    "NaN target": (
        lambda p: {"source": csv(p, *ROWS, "1,a,", "1,a,?"), "target": "left"},
        "data.target: targets must be present and finite in {p}/a.csv, but 2 of 22 rows break this, "
        "the first is row 20, counted from 0 (data.on_bad: skip leaves them out)",
    ),
    "column without a value": (
        lambda p: {"source": csv(p, "1,?,yes", "2,,no"), "target": "left"},
        "data.source: column 'job' of {p}/a.csv must hold at least one value (data.drop leaves it out)",
    ),
    "column of lists": (
        lambda p: {"source": parquet(p, x=[[1], [2]], y=[0, 1]), "target": "y"},
        "data.source: column 'x' of {p}/a.parquet must hold numbers or text (data.drop leaves it out), "
        "but got 'ndarray'",
    ),
    "too few of a class": (
        lambda p: {"source": csv(p, *ROWS, "1,a,maybe", "2,a,maybe"), "target": "left"},
        "data.source: class 'maybe' of {p}/a.csv must have at least 3 examples (train, validation, test); "
        "for numbers to be predicted as numbers, set data.task to regression, but got 2",
    ),
    "too few rows": (
        lambda p: {"source": csv(p, "1,a,0.5", "2,a,1.5"), "target": "left"},
        "data.source: {p}/a.csv must hold at least 3 examples (train, validation, test), but got 2",
    ),
    "duplicate columns": (
        lambda p: {"source": csv(p, "1,2,3", header="a,b,a"), "target": "b"},
        "data.source: columns of {p}/a.csv must have different names, but got 'a'",
    ),
    "unequal lengths": (
        lambda p: {"source": npz(p, x=np.zeros((10, 2)), y=Y10[:9])},
        "data.source: inputs and targets of {p}/a.npz must be equally many, but got '10 inputs and 9 targets'",
    ),
    "npz without usual names": (
        lambda p: {"source": npz(p, a=X10, y=Y10)},
        "data.inputs: must name an array of {p}/a.npz, which has none called inputs, x, images, data; "
        "its arrays are a, y",
    ),
    "npz without the named array": (
        lambda p: {"source": npz(p, x=X10, targets=Y10), "target": "target"},
        "data.target: must name an array of {p}/a.npz, but got 'target'; nearest valid choice: targets",
    ),
    "npz with NaN": (
        lambda p: {"source": npz(p, x=with_nan(), y=Y10)},
        "data.source: inputs must be finite in float32 in {p}/a.npz, but 2 of 10 rows break this, "
        "the first is row 3, counted from 0 (data.on_bad: skip leaves them out)",
    ),
    "npz with pickled objects": (
        lambda p: {"source": npz(p, x=np.array([{}] * 10), y=Y10)},
        "data.source: array 'x' of {p}/a.npz must be plain numbers or text, never pickled objects",
    ),
    "npz with channels first": (
        lambda p: {"source": npz(p, x=np.zeros((10, 3, 8, 8)), y=Y10)},
        "data.source: images of {p}/a.npz must be (count, height, width, channels), but got (10, 3, 8, 8); "
        "nearest valid choice: move the channels to the end: (10, 8, 8, 3)",
    ),
    "npz with one-hot targets": (
        lambda p: {"source": npz(p, x=X10, y=np.eye(10))},
        "data.source: targets of {p}/a.npz must be numbers or text of shape (count,), but got 'float64 (10, 10)'",
    ),
    "npz with flat inputs": (
        lambda p: {"source": npz(p, x=Y10, y=Y10)},
        "data.source: inputs of {p}/a.npz must be numbers of shape (count, height, width[, channels]) "
        "or (count, features), but got 'int64 (10,)'",
    ),
    "npz that is none": (
        lambda p: {"source": written(p, "a.npz", b"text")},
        "data.source: {p}/a.npz must be an .npz file: an archive of arrays",
    ),
    "wrong magic number": (
        lambda p: {"source": idx(p, b"\0\0\x08\x01" + TWO_IMAGES[4:])},
        "data.source: {p}/idx/train-images-idx3-ubyte must begin with the magic number 0x00000803, "
        "but got '0x00000801'",
    ),
    "truncated IDX": (
        lambda p: {"source": idx(p, TWO_IMAGES[:-1])},
        "data.source: {p}/idx/train-images-idx3-ubyte must hold the 18 bytes that its header tells, but got 17",
    ),
    "IDX cut in its header": (
        lambda p: {"source": idx(p, TWO_IMAGES[:9])},
        "data.source: {p}/idx/train-images-idx3-ubyte must hold the 16 bytes that its header tells, but got 9",
    ),
    "IDX of unequal lengths": (
        lambda p: {"source": idx(p, TWO_IMAGES, struct.pack(">2I", 0x801, 1) + b"\0")},
        "data.source: train images and labels of {p}/idx must be equally many, but got '2 images and 1 labels'",
    ),
    "IDX without labels": (
        lambda p: {"source": str(Path(written(p, "idx/train-images-idx3-ubyte", TWO_IMAGES)).parent)},
        "data.source: {p}/idx must hold train-labels-idx1-ubyte (or .gz)",
    ),
    "IDX with broken gzip": (
        lambda p: {"source": str(Path(written(p, "idx/train-images-idx3-ubyte.gz", b"text")).parent)},
        "data.source: {p}/idx/train-images-idx3-ubyte.gz must be a gzip file that is whole: Not a gzipped file (b'te')",
    ),
    "CSV with ragged rows": (
        lambda p: {"source": csv(p, "1,a,no", "2,b,yes,5"), "target": "left"},
        "data.source: {p}/a.csv must be a CSV table: Error tokenizing data. C error: "
        "Expected 3 fields in line 3, saw 4",
    ),
    "CSV with more fields than names": (
        lambda p: {"source": csv(p, "1,a,no,5", "2,b,yes,5"), "target": "left"},
        "data.source: {p}/a.csv must be a CSV table: its rows have more fields than its 3 columns",
    ),
    "empty CSV": (
        lambda p: {"source": written(p, "a.csv"), "target": "left"},
        "data.source: {p}/a.csv must be a CSV table: No columns to parse from file",
    ),
    "CSV with a header only": (
        lambda p: {"source": written(p, "a.csv", b"age,left\n"), "target": "left"},
        "data.source: {p}/a.csv must hold at least one row and one input column",
    ),
    "CSV that is not UTF-8": (
        lambda p: {"source": written(p, "a.csv", "größe,y\n1,2\n".encode("latin-1")), "target": "y"},
        "data.source: {p}/a.csv must be a CSV table: 'utf-8' codec can't decode byte 0xf6 in position 2: "
        "invalid start byte",
    ),
    "too few names": (
        lambda p: {"source": csv(p), "target": "a", "names": ("a", "b")},
        "data.names: must name each of the 3 columns of {p}/a.csv, but got '2 names'",
    ),
    "parquet that is none": (
        lambda p: {"source": written(p, "a.parquet", b"text, not Parquet"), "target": "a"},
        "data.source: {p}/a.parquet must be a Parquet file: Parquet magic bytes not found in footer. "
        "Either the file is corrupted or this is not a parquet file.",
    ),
    "unknown split column": (
        lambda p: {"source": csv(p), "target": "left", "split": {"by": "time", "column": "aged"}},
        "data.split.column: must name a column of {p}/a.csv, but got 'aged'; nearest valid choice: age",
    ),
    "split column where there are none": (
        lambda p: {"source": "sklearn:digits", "split": {"by": "group", "column": "who"}},
        "data.split.column: a data set that scikit-learn ships has no columns, but got 'who'",
    ),
    "group without a column": (
        lambda p: {"source": csv(p), "target": "left", "split": {"by": "group"}},
        "data.split.column: must name the column with the groups",
    ),
    "column without time or group": (
        lambda p: {"source": csv(p), "target": "left", "split": {"column": "age"}},
        "data.split.column: means nothing for a random split; set data.split.by to time or group, but got 'age'",
    ),
    "too few groups": (
        lambda p: {"source": csv(p), "target": "left", "split": {"by": "group", "column": "job"}},
        "data.split.column: must name a column of {p}/a.csv with at least 3 groups (train, "
        "validation, test), "
        "but job has 2",
    ),
    "times that are none": (
        lambda p: {"source": csv(p), "target": "left", "split": {"by": "time", "column": "job"}},
        "data.split.column: must name a column of {p}/a.csv with numbers or with dates of one form, but got 'job'",
    ),
    "time missing": (
        lambda p: {
            "source": csv(p, *ROWS, ",a,no"),
            "target": "left",
            "split": {"by": "time", "column": "age"},
        },
        "data.split.column: must name a column of {p}/a.csv with a value in every row, but 1 have none, "
        "the first is row 20, counted from 0",
    ),
    "class that train does not see": (
        lambda p: {
            "source": csv(p, *(f"{row},a,{'new' if row > 8 else row % 2}" for row in range(12))),
            "target": "left",
            "split": {"by": "time", "column": "age"},
        },
        "data.split: a split by time of {p}/a.csv leaves train without class 'new'",
    ),
    "nothing to train on": (
        lambda p: {"source": csv(p), "target": "left", "split": {"validation": 0.5, "test": 0.5}},
        "data.split: validation and test must leave something to train on, "
        "but got {{'validation': 0.5, 'test': 0.5}}; nearest valid choice: {{'validation': 0.2, "
        "'test': 0.2}}",
    ),
    "unknown class in the test file": (
        lambda p: {"source": csv(p), "target": "left", "test": csv(p, "1,a,yess", name="t.csv")},
        "data.test: classes of the test part must be among those of train, but got 'yess'; nearest valid choice: yes",
    ),
    "test file without a column": (
        lambda p: {
            "source": csv(p),
            "target": "left",
            "test": csv(p, "1,no", header="age,left", name="t.csv"),
        },
        "data.test: must name a column of {p}/t.csv, but got 'job'; nearest valid choice: age",
    ),
    "test file with text for numbers": (
        lambda p: {"source": csv(p), "target": "left", "test": csv(p, "old,a,no", name="t.csv")},
        "data.test: column 'age' of {p}/t.csv must hold numbers, as it does in data.source, but got 'old'",
    ),
    "test images of another form": (
        lambda p: {"source": "sklearn:digits", "test": npz(p, x=np.zeros((2, 9, 9), np.uint8), y=Y10[:2])},
        "data.test: must hold examples of the same form as data.source, but got 'uint8 (9, 9, 1)'; "
        "nearest valid choice: uint8 (8, 8, 1)",
    ),
    "test data of another kind": (
        lambda p: {"source": "sklearn:digits", "test": "sklearn:wine"},
        "data.test: must be one undivided set of images, but got 'sklearn:wine'",
    ),
    "another kind than said": (
        lambda p: {"source": csv(p), "target": "left", "kind": "images"},
        "data.kind: must be what {p}/a.csv holds, but got 'images'; nearest valid choice: table",
    ),
    "regression of text": (
        lambda p: {"source": csv(p), "target": "left", "task": "regression"},
        "data.task: targets of the train part are text, but got 'regression'; nearest valid choice: classification",
    ),
    "a setting that means nothing here": (
        lambda p: {"source": csv(p), "target": "left", "size": 32},
        "data.size: means nothing for a CSV table, but got 32",
    ),
    "unknown column to drop": (
        lambda p: {"source": csv(p), "target": "left", "drop": ("jobs",)},
        "data.drop: must name a column of {p}/a.csv, but got 'jobs'; nearest valid choice: job",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_one_message(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    make, message = BAD[name]
    spec = DataSpec(**make(tmp_path))
    with pytest.raises(InputError) as caught:
        ingest(spec, Store(tmp_path / "store"))
    assert str(caught.value) == message.format(p=tmp_path)
