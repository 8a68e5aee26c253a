"""Column types: what a column holds is found once, and every later file is read by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.core import Column, InputError
from tasks.data.readers import Request, Rows, column_types, data_frames, read_source

ROWS = 40
NUMBERS = [f"{row}.5" for row in range(ROWS)]


def rows_of(folder: Path, columns: dict[str, list[str]], name: str = "a.csv", **settings: Any) -> tuple[Rows, Request]:
    """The rows of a CSV with these columns, a number `x` and a target `y`."""
    frame = pd.DataFrame({**columns, "x": [f"{row % 7}.25" for row in range(ROWS)], "y": ["no", "yes"] * 20})
    frame.to_csv(folder / name, index=False, sep=";")
    request = Request(str(folder / name), target="y", **settings)
    return read_source(request), request


def column_of(folder: Path, texts: list[str], **settings: Any) -> Column | str:
    """The type of a column `a`, or why it is left out."""
    types = column_types.types_of_table(*rows_of(folder, {"a": texts}, **settings))
    return types.left_out.get("a") or types.columns[0]


def test_codes_stay_text_unless_the_recipe_says_numbers(tmp_path: Path) -> None:
    codes = ["01", "02", "12", "10"] * 10
    assert column_of(tmp_path, codes) == Column("a", "category", texts=("01", "02", "10", "12"))
    assert column_of(tmp_path, codes, types={"a": "number"}) == Column("a", "number")
    assert column_of(tmp_path, ["1", "2"] * 20, types={"a": "text"}) == Column("a", "category", texts=("1", "2"))


@pytest.mark.parametrize(
    ("texts", "column"),
    [
        (NUMBERS, Column("a", "number")),
        (["n/a", "-", *NUMBERS[2:]], Column("a", "number", missing=("-",))),
        (["oops", *NUMBERS[1:]], Column("a", "number", missing=("oops",))),
        (["0", "1", "2", "3+"] * 10, Column("a", "category", texts=("0", "1", "2", "3+"))),
        (["1.200,50 €", "3,75 €"] * 20, Column("a", "number", ",", ".", "€")),
        (["true", "FALSE"] * 20, Column("a", "category", texts=("False", "True"), truth=True)),
    ],
)
def test_cells_say_what_a_column_holds(tmp_path: Path, texts: list[str], column: Column) -> None:
    assert column_of(tmp_path, texts) == column


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ([f"x{row}" if row in (3, 9) else NUMBERS[row] for row in range(ROWS)], "is numbers in 95.0% of its rows"),
        ([NUMBERS[row] if row % 2 else f"{row},5" for row in range(ROWS)], "holds numbers in several forms"),
        ([f"{'€$'[row % 2]}{row}" for row in range(ROWS)], "holds numbers in several forms"),
        ([f"u{row}" for row in range(ROWS)], "is different in every row"),
    ],
)
def test_what_cannot_be_used_is_left_out_with_the_reason(tmp_path: Path, texts: list[str], reason: str) -> None:
    found = column_of(tmp_path, texts)
    assert isinstance(found, str)
    assert reason in found
    kept = column_of(tmp_path, texts, types={"a": "text"})
    assert kept == Column("a", "category", texts=tuple(sorted(texts)))


def test_the_other_columns_decide_what_a_comma_means(tmp_path: Path) -> None:
    grouped = [f"{row + 1},234" for row in range(ROWS)]
    assert column_of(tmp_path, grouped) == Column("a", "number", ".", ",")  # x has a decimal point
    columns = {"a": grouped, "x": ["2,5", "3,25"] * 20}
    frame = pd.DataFrame({**columns, "y": ["no", "yes"] * 20})
    frame.to_csv(tmp_path / "b.csv", index=False, sep=";")
    request = Request(str(tmp_path / "b.csv"), target="y")
    types = column_types.types_of_table(read_source(request), request)
    assert types.columns == (Column("a", "number", ","), Column("x", "number", ","))
    frame.drop(columns="x").to_csv(tmp_path / "b.csv", index=False, sep=";")
    with pytest.raises(InputError, match=r"column 'a' .* has two meanings.*but got '1,234'.*data\.decimal"):
        column_types.types_of_table(read_source(request), request)
    said = Request(request.source, target="y", decimal=",")
    assert column_types.types_of_table(read_source(said), said).columns == (Column("a", "number", ","),)


def test_a_later_file_is_read_as_training_was(tmp_path: Path) -> None:
    texts = {"code": ["01", "U"] * 20, "price": ["1.200,50", "12,5"] * 20, "flag": ["true", "false"] * 20}
    columns = column_types.types_of_table(*rows_of(tmp_path, texts)).columns
    later = {"code": ["01", "12"] * 20, "price": ["7", "8,25"] * 20, "flag": ["True", "FALSE"] * 20}
    rows, request = rows_of(tmp_path, later, "b.csv")
    frame: Any = data_frames.align_columns(rows, columns, request).train.inputs
    assert frame["code"].tolist()[:2] == ["01", "12"]
    assert frame["price"].tolist()[:2] == [7, 8.25]
    assert frame["flag"].tolist()[:2] == ["True", "False"]
    rows, request = rows_of(tmp_path, {**later, "price": ["7.5", "8.25"] * 20}, "b.csv", field="data.test")
    with pytest.raises(
        InputError, match=r"data\.test: column 'price' .* must hold numbers with a decimal comma.*'7\.5'"
    ):
        data_frames.align_columns(rows, columns, request)
    rows, request = rows_of(tmp_path, {**later, "code": ["1", "2"] * 20}, "b.csv", field="data.test")
    with pytest.raises(InputError, match=r"column 'code' .*40 of 40 are new\), but got '1'.*: 01"):
        data_frames.align_columns(rows, columns, request)


@pytest.mark.parametrize(
    ("texts", "settings", "kind", "first"),
    [
        (["1.200,50", "12,5"], {}, "number", 1200.5),
        (["$1,200.50", "$3"], {}, "number", 1200.5),
        (["None", "NA"], {}, "category", "None"),
        (["01", "02"], {}, "category", "01"),
        (["TRUE", "false"], {}, "category", "True"),
        (["1", "2"], {"types": {"a": "text"}}, "category", "1"),
        (["1", "2"], {}, "number", 1),
        (["01", "02"], {"task": "regression"}, "number", 1),
    ],
)
def test_a_target_is_read_as_it_is_written(texts: list[str], settings: Any, kind: str, first: Any) -> None:
    series = pd.Series(texts * 20, name="a", dtype="str")
    column, targets = column_types.read_target(series, Request("a.csv", target="a", **settings), is_text=True)
    assert (column.kind, targets[0]) == (kind, first)
    again = Request("b.csv", target="a", target_column=column)
    np.testing.assert_array_equal(column_types.read_target(series, again, is_text=True)[1], targets)


def test_text_of_digits_in_a_typed_table_stays_text() -> None:
    frame = pd.DataFrame({"zip": ["12", "34"] * 20, "price": ["1,5", "2,5"] * 20, "y": [0, 1] * 20})
    rows = data_frames.frame_rows(frame, Request("here", target="y"))
    types = column_types.types_of_table(rows, Request("here"))
    assert [(column.kind, column.decimal) for column in types.columns] == [("category", "."), ("number", ",")]
    assert types.frame["price"].tolist()[:2] == [1.5, 2.5]


def test_when_no_input_is_left_each_is_named(tmp_path: Path) -> None:
    frame = pd.DataFrame({"uid": [f"u{row}" for row in range(ROWS)], "one": ["1"] * ROWS, "y": ["no", "yes"] * 20})
    rows = data_frames.frame_rows(frame, Request("here", target="y"), is_text=True)
    with pytest.raises(
        InputError, match=r"at least one input that says something.*uid is different.*; one is always 1"
    ):
        column_types.types_of_table(rows, Request("here"))
