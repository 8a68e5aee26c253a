"""CSV files that are no table."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bad_data import (
    Make,
    csv,
    refusal,
    written,
)

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
        "data.source: {p}/a.csv must be a CSV table: 'utf-8' codec can't decode byte 0xf6 in position 2: "
        "invalid start byte",
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
