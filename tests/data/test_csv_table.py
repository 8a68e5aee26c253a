"""CSV files that are no table."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest
from support.bad_data import (
    Make,
    csv,
    refusal,
    written,
)

from tasks.data.readers import Request, csv_table


def archive(place: Path, *names: str, content: str = "x,y\n1,a\n2,b\n") -> str:
    """A .zip with these tables."""
    with zipfile.ZipFile(place / "a.zip", "w") as packed:
        for name in names:
            packed.writestr(name, content)
    return str(place / "a.zip")


BAD: dict[str, tuple[Make, str]] = {
    "duplicate columns": (
        lambda p: {"source": csv(p, "1,2,3", header="a,b,a"), "target": "b"},
        "data.source: columns of {p}/a.csv must have different names, but got 'a'",
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
        "data.encoding: {p}/a.csv is not text in UTF-8 (invalid start byte); nearest valid choice: "
        "cp1252 (Windows, western Europe), or latin-1, cp1251, gbk, shift_jis",
    ),
    "CSV in another encoding than said": (
        lambda p: {"source": written(p, "a.csv", "größe,y\n1,2\n".encode()), "target": "y", "encoding": "ascii"},
        "data.encoding: {p}/a.csv is not text in ascii (ordinal not in range(128)), but got 'ascii'; "
        "nearest valid choice: utf-8",
    ),
    "archive of two tables": (
        lambda p: {"source": archive(p, "a.csv", "b.csv"), "target": "y"},
        "data.source: {p}/a.zip must hold one .csv and nothing else, but got 'a.csv, b.csv'",
    ),
    "too few names": (
        lambda p: {"source": csv(p), "target": "a", "names": ("a", "b")},
        "data.names: must name each of the 3 columns of {p}/a.csv, but got '2 names'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_one_message(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, message = BAD[name]
    assert refusal(make, tmp_path, monkeypatch) == message.format(p=tmp_path)


TABLE = "age,spend,left\n1,2,yes\n3,4,no\n"


@pytest.mark.parametrize(
    ("name", "content", "header"),
    [
        ("a.csv", '"Age, in years";"Spend, EUR";left\n1;2;yes\n3;4;no\n', "Age, in years|Spend, EUR|left"),
        ("a.csv", '"Age\n(years)",spend,left\n1,2,yes\n3,4,no\n', "Age (years)|spend|left"),
        ("a.csv", "# exported, on a Monday\n#\n" + TABLE, "age|spend|left"),
        ("a.csv", "#age,spend,left\n1,2,yes\n3,4,no\n", "#age|spend|left"),
        ("a.csv", "sep=;\n" + TABLE.replace(",", ";"), "age|spend|left"),
        ("a.csv", TABLE.replace(",", "|"), "age|spend|left"),
        ("a.tsv", TABLE.replace(",", "\t"), "age|spend|left"),
        ("a.csv", TABLE.replace("\n", "\r"), "age|spend|left"),
        ("a.csv", "\n\n" + TABLE, "age|spend|left"),
        ("a.csv", "age,spend,left,\n1,2,yes,\n3,4,no,\n", "age|spend|left|Unnamed: 3"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_table_is_found_in_its_file(tmp_path: Path, name: str, content: str, header: str, encoding: str) -> None:
    (tmp_path / name).write_bytes(content.encode(encoding))
    frame = csv_table.frame_of(Request(str(tmp_path / name)))
    assert list(frame.columns) == header.split("|")
    assert frame.iloc[:, :3].to_numpy().tolist() == [["1", "2", "yes"], ["3", "4", "no"]]


def test_packed_tables(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TABLE.encode("utf-16")))
    for source in (str(tmp_path / "a.csv.gz"), archive(tmp_path, "in/t.csv", "__MACOSX/in/._t.csv", content=TABLE)):
        assert csv_table.frame_of(Request(source))["left"].tolist() == ["yes", "no"]


def test_what_the_recipe_says_counts(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("größe  x\n1   2,5\n".encode("cp1252"))
    frame = csv_table.frame_of(Request(str(tmp_path / "a.csv"), separator=" ", encoding="cp1252"))
    assert frame.to_dict("list") == {"größe": ["1"], "x": ["2,5"]}
