"""Parquet files that are none, or whose images do not decode."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bad_data import (
    Make,
    parquet,
    refusal,
    written,
)

BAD: dict[str, tuple[Make, str]] = {
    "no target for parquet images": (
        lambda p: {"source": parquet(p, image=[b"1"], label=["a"])},
        "data.target: must name the target column of {p}/a.parquet; its columns are label",
    ),
    "parquet image that does not decode": (
        lambda p: {"source": parquet(p, image=[b"1", None], label=["a", "b"]), "target": "label"},
        "data.source: images must decode in {p}/a.parquet, but 2 of 2 do not: "
        "row 0 (no image of a known format), row 1 (empty) (data.on_bad: skip leaves them out)",
    ),
    "parquet that is none": (
        lambda p: {"source": written(p, "a.parquet", b"text, not Parquet"), "target": "a"},
        "data.source: {p}/a.parquet must be a Parquet file: Parquet magic bytes not found in footer. "
        "Either the file is corrupted or this is not a parquet file.",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_one_message(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, message = BAD[name]
    assert refusal(make, tmp_path, monkeypatch) == message.format(p=tmp_path)
