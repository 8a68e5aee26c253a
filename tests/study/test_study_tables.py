"""The tables of a study as files: a row for each setting and for each measurement, the same in Parquet and CSV."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest
from support import study_results

from flows.study.outputs.study_tables import frames_of, write_frames


def test_a_row_for_each_setting_and_one_for_each_measurement() -> None:
    found = study_results.study_result()
    frames = frames_of(found)
    assert len(frames["tables"]) == sum(len(table.rows) for table in found.tables)
    assert len(frames["measurements"]) == len(found.measured)
    flip = frames["tables"].query("table == 'augmentation' and setting == 'flip'").iloc[0]
    assert (flip["gain"], flip["score"]) == (pytest.approx(0.01), pytest.approx(0.91))
    assert (flip["verdict"], flip["keep"], flip["level"]) == ("better", True, pytest.approx(1 - 0.05 / 3))
    int8 = frames["measurements"].query("setting == 'int8' and seed == 1").iloc[0]
    assert (int8["speedup"], int8["bytes"], int8["gain_low"]) == (2.01, 20_000, pytest.approx(-0.002))
    assert frames["suspects"]["source_row"].tolist() == list(range(100, 145))
    refused = frames["measurements"].query("setting == '4 bits'")["refusal"].unique().tolist()
    assert refused == ["no layer holds whole blocks"]


def test_parquet_and_csv_hold_the_same(tmp_path: Path) -> None:
    files = write_frames(study_results.study_result(), tmp_path)
    names = ["measurements", "suspects", "tables"]
    assert sorted(file.name for file in files) == [f"{name}.{end}" for name in names for end in ("csv", "parquet")]
    for name in ("tables", "measurements"):
        one, other = pd.read_parquet(tmp_path / f"{name}.parquet"), pd.read_csv(tmp_path / f"{name}.csv")
        assert list(one.columns) == list(other.columns)
        assert one["setting"].tolist() == other["setting"].tolist()
        assert one["seconds"].dropna().tolist() == pytest.approx(other["seconds"].dropna().tolist())


def test_without_suspects_there_is_no_file_of_them(tmp_path: Path) -> None:
    found = dataclasses.replace(study_results.study_result(), suspects=())
    assert {file.stem for file in write_frames(found, tmp_path)} == {"tables", "measurements"}
