"""Every kind of source, read as it stands: nothing split, nothing lost."""

from __future__ import annotations

import gzip
import struct
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.data.readers import Request, Rows, column_types, data_frames, read_source
from tasks.data.splits import splitting


def rows_of(source: Path | str, **settings: Any) -> Rows:
    return read_source(Request(str(source), **settings))


def conformed(rows: Rows) -> pd.DataFrame:
    request = Request("here")
    frame = data_frames.align_columns(rows, column_types.types_of_table(rows, request).columns, request).train.inputs
    assert isinstance(frame, pd.DataFrame)
    return frame


@pytest.mark.parametrize("separator", [",", ";", "\t", ", "])
def test_csv(tmp_path: Path, separator: str) -> None:
    lines = [["age", "job", "left"], ["31", " clerk ", "yes"], ["?", "?", "no"], ["40.5", "", "yes"]]
    (tmp_path / "a.csv").write_text("\n".join(separator.join(line) for line in lines))
    rows = rows_of(tmp_path / "a.csv", target="left")
    frame = conformed(rows)
    assert rows.kind == "table"
    assert rows.train.targets.tolist() == ["yes", "no", "yes"]
    assert frame["age"].dtype == np.float64
    assert frame["age"].fillna(-1).tolist() == [31, -1, 40.5]
    assert frame["job"].tolist() == ["clerk", "", ""]


def test_csv_without_header_gzipped(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.csv.gz", "wt") as stream:
        stream.write("1,x\n2,y\n")
    rows = rows_of(tmp_path / "a.csv.gz", target="b", names=("a", "b"))
    assert conformed(rows)["a"].tolist() == [1, 2]
    assert rows.train.targets.tolist() == ["x", "y"]


def test_csv_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("\ufeffa,b\n1,2\n".encode())
    assert rows_of(tmp_path / "a.csv", target="a").train.targets.tolist() == [1]


def test_drop_and_split_column_are_no_inputs(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("day,id,x,y\n2020-01-02,7,1,0\n2020-01-01,8,2,1\n")
    rows = rows_of(tmp_path / "a.csv", target="y", drop=("id",), order="day")
    assert list(conformed(rows).columns) == ["x"]
    assert rows.train.order is not None
    assert rows.train.order.tolist() == ["2020-01-02", "2020-01-01"]


def test_column_kinds_of_a_frame() -> None:
    frame = pd.DataFrame(
        {
            "whole": [1, 2],
            "nullable": pd.array([1, None], dtype="Int64"),
            "decimal": [Decimal("0.5"), None],
            "flag": [True, False],
            "group": pd.Categorical(["b", None]),
            "code": ["01", 7.0],
            "y": [0, 1],
        }
    )
    rows = data_frames.frame_rows(frame, Request("here", target="y"))
    kinds = {column.name: column.kind for column in column_types.types_of_table(rows, Request("here")).columns}
    numbers = dict.fromkeys(("whole", "nullable", "decimal"), "number")
    assert kinds == numbers | dict.fromkeys(("flag", "group", "code"), "category")
    clean = conformed(rows)
    assert clean["nullable"].fillna(-1).tolist() == [1, -1]
    assert clean["decimal"].fillna(-1).tolist() == [0.5, -1]
    assert clean["flag"].tolist() == ["True", "False"]
    assert clean["group"].tolist() == ["b", ""]
    assert clean["code"].tolist() == ["01", "7"]


def test_a_category_that_looks_like_numbers_in_another_file_stays_text() -> None:
    train = data_frames.frame_rows(
        pd.DataFrame({"zip": ["12", "1a"], "n": [1, 2], "y": [0, 1]}), Request("a", target="y")
    )
    batch = pd.DataFrame({"more": [1, 1], "n": [None, None], "zip": [12.0, None], "y": [0, 1]})
    columns = column_types.types_of_table(train, Request("a")).columns
    clean: Any = data_frames.align_columns(
        data_frames.frame_rows(batch, Request("b", target="y")), columns, Request("b")
    ).train.inputs
    assert list(clean.columns) == ["zip", "n"]
    assert clean["zip"].tolist() == ["12", ""]
    assert clean["n"].isna().all()


@pytest.mark.parametrize("struct_column", [False, True])
def test_parquet_images(tmp_path: Path, struct_column: bool) -> None:
    encoded = []
    for value in (10, 20):
        Image.new("RGB", (3, 2), (value, 0, 0)).save(tmp_path / "one.png")
        encoded.append((tmp_path / "one.png").read_bytes())
    cells = [{"bytes": data, "path": None} for data in encoded] if struct_column else encoded
    frame = pd.DataFrame({"image": cells, "label": ["b", "a"], "patient": [1, 2]})
    frame.to_parquet(tmp_path / "a.parquet")
    rows = rows_of(tmp_path / "a.parquet", target="label", order="patient")
    assert rows.kind == "images"
    assert rows.train.inputs.shape == (2, 2, 3, 3)
    assert np.asarray(rows.train.inputs)[:, 0, 0, 0].tolist() == [10, 20]
    assert rows.train.targets.tolist() == ["b", "a"]
    assert rows.train.order is not None
    assert rows.train.order.tolist() == [1, 2]


def test_parquet_table_even_beside_bytes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"blob": [b"1", b"2"], "x": [1.5, 2.5], "y": [True, False]})
    frame.to_parquet(tmp_path / "a.parquet")
    rows = rows_of(tmp_path / "a.parquet", target="y", kind="table", drop=("blob",))
    assert conformed(rows)["x"].tolist() == [1.5, 2.5]
    assert rows.train.targets.tolist() == ["True", "False"]


def test_npz_by_usual_names_and_by_given_names(tmp_path: Path) -> None:
    images = np.arange(24, dtype=np.int64).reshape(2, 3, 4)
    np.savez(tmp_path / "a.npz", x=images, y=[[3], [1]], other=np.zeros((2, 5)), mine=["b", "a "])
    rows = rows_of(tmp_path / "a.npz")
    assert rows.train.inputs.dtype == np.uint8
    assert (np.asarray(rows.train.inputs)[..., 0] == images).all()
    assert rows.train.targets.tolist() == [3, 1]
    matrix = rows_of(tmp_path / "a.npz", inputs="other", target="mine")
    assert (matrix.kind, matrix.name) == ("array", "other")
    assert (np.asarray(matrix.train.inputs) == np.zeros((2, 5), np.float32)).all()
    assert matrix.train.targets.tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("values", "kind", "dtype"),
    [
        (np.ones((2, 3, 4, 5, 6)), None, np.float32),
        (np.ones((2, 3, 4), np.int32), "array", np.int64),
        (np.ones((2, 3, 4, 1), np.uint8), "array", np.uint8),
        (np.ones((2, 187), bool), None, np.uint8),
        (np.full((2, 3), 1e-9), None, np.float32),
        (np.full((2, 3), -1, np.int8), None, np.int64),
    ],
)
def test_an_array_stays_one_input_of_its_shape(tmp_path: Path, values: np.ndarray, kind: Any, dtype: type) -> None:
    np.savez(tmp_path / "a.npz", signal=values, y=[0, 1])
    rows = rows_of(tmp_path / "a.npz", inputs="signal", kind=kind)
    inputs = np.asarray(rows.train.inputs)
    assert (rows.kind, rows.name, inputs.shape, inputs.dtype) == ("array", "signal", values.shape, dtype)
    np.testing.assert_allclose(inputs, values, rtol=1e-6)


@pytest.mark.parametrize("dtype", [bool, np.int64, np.float32])
def test_one_hot_targets_are_the_numbers_of_their_columns(tmp_path: Path, dtype: type) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((4, 2)), y=np.eye(3)[[2, 0, 1, 2]].astype(dtype))
    targets = rows_of(tmp_path / "a.npz").train.targets
    assert targets.dtype == np.int64
    assert targets.tolist() == [2, 0, 1, 2]


def test_npz_images_that_are_not_bytes_become_float32(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.full((2, 3, 4, 1), -0.5), labels=np.array([0.0, 1.5]))
    rows = rows_of(tmp_path / "a.npz")
    assert rows.train.inputs.dtype == np.float32
    assert rows.train.targets.tolist() == [0.0, 1.5]


def image_at(file: Path, value: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (2, 2), value).save(file)


def test_folder_of_classes_with_other_files_beside(tmp_path: Path) -> None:
    image_at(tmp_path / "cat" / "deep" / "1.PNG", 1)
    image_at(tmp_path / "ant" / "2.png", 2)
    (tmp_path / "ant" / "notes.txt").write_text("not an image")
    (tmp_path / "readme.md").write_text("not a class")
    (tmp_path / ".cache").mkdir()
    rows = rows_of(tmp_path)
    assert rows.train.targets.tolist() == ["ant", "cat"]
    assert np.asarray(rows.train.inputs)[:, 0, 0, 0].tolist() == [2, 1]
    assert (rows.validation, rows.test) == (None, None)


@pytest.mark.parametrize("validation", ["val", "validation", "valid"])
def test_folder_of_parts(tmp_path: Path, validation: str) -> None:
    for number, part in enumerate(("train", validation, "test")):
        image_at(tmp_path / part / "a" / "1.png", number)
    rows = rows_of(tmp_path)
    assert [np.asarray(part.inputs).max() for part in rows.parts.values()] == [0, 1, 2]
    assert list(rows.parts) == ["train", "validation", "test"]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    image_at(tmp_path / "train" / "1.png", 1)
    image_at(tmp_path / "bus" / "1.png", 2)
    assert rows_of(tmp_path).train.targets.tolist() == ["bus", "train"]


def write_idx(file: Path, values: np.ndarray) -> None:
    data = struct.pack(f">{values.ndim + 1}I", 0x0800 + values.ndim, *values.shape) + values.tobytes()
    file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)


def test_idx_folder(tmp_path: Path) -> None:
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    write_idx(tmp_path / "train-images-idx3-ubyte", images)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.array([5, 0], np.uint8))
    rows = rows_of(tmp_path)
    assert (np.asarray(rows.train.inputs)[..., 0] == images).all()
    assert rows.train.targets.tolist() == [5, 0]
    assert rows.test is None
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", images[:1])
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", np.array([9], np.uint8))
    test = rows_of(tmp_path).test
    assert test is not None
    assert test.targets.tolist() == [9]


@pytest.mark.parametrize("name", ["wine", "breast_cancer", "iris", "diabetes"])
def test_shipped_tables_are_what_scikit_learn_loads(name: str) -> None:
    from sklearn import datasets

    options = {"scaled": False} if name == "diabetes" else {}
    theirs = getattr(datasets, f"load_{name}")(as_frame=True, **options)
    ours = rows_of(f"sklearn:{name}")
    pd.testing.assert_frame_equal(pd.DataFrame(ours.train.inputs), theirs.data, check_dtype=False)
    names = theirs.get("target_names")
    expected = theirs.target if names is None else np.array(names)[theirs.target]
    assert ours.train.targets.tolist() == list(expected)


def test_shipped_digits_are_what_scikit_learn_loads() -> None:
    from sklearn.datasets import load_digits

    theirs, ours = load_digits(), rows_of("sklearn:digits")
    assert ours.train.inputs.dtype == np.uint8
    assert (np.asarray(ours.train.inputs)[..., 0] == theirs.images).all()
    assert (ours.train.targets == theirs.target).all()


def test_import_path_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_rows.py").write_text(
        "import numpy as np, pandas as pd\n"
        "def arrays(): return np.ones((3, 2)), [0, 1, 0]\n"
        "def frame(): return pd.DataFrame({'a': [1, 2], 'y': ['u', 'v']})\n"
        "def both(): return pd.DataFrame({'a': [1, 2]}), pd.Series(['u', 'v'])\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    arrays = rows_of("my_rows:arrays")
    assert (arrays.kind, arrays.train.targets.tolist()) == ("array", [0, 1, 0])
    assert rows_of("my_rows:frame", target="y").train.targets.tolist() == ["u", "v"]
    assert rows_of("my_rows:both").train.targets.tolist() == ["u", "v"]


def test_what_the_function_raises_goes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_faults.py").write_text("def load(): import not_there_at_all\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        rows_of("my_faults:load")


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        ([3, 1, 2], [1, 2, 0]),
        (["2021-03-04", "2020-12-31", "2021-01-01T10:00"], [1, 2, 0]),
        (["3/4/2021", "1/31/2021", "2/1/2021"], [1, 2, 0]),
        (["1/3/2021", "31/1/2021", "1/2/2021"], [1, 2, 0]),
        (["3/31/21 10:00", "1/1/21 09:00", "1/1/21 9:30"], [1, 2, 0]),
        (["04.03.2021", "31.12.2020", "01.01.2021"], [1, 2, 0]),
    ],
)
def test_times_sort(dates: list[Any], order: list[int]) -> None:
    times = splitting.times_of(pd.Series(dates), Request("here", order="day"))
    assert np.argsort(times).tolist() == order
