"""A study that is killed on the way, three times, ends with the tables of one that was left alone."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest
from support.servers import Command, paredown

pytestmark = pytest.mark.e2e

STUDY = """
name: flowers
data: {source: "sklearn:iris"}
model: {family: linear}
goal: {max_drop: 0.02}
study: {minutes: 60, tables: [hyperparameters, data], most_seeds: 3, confirm: false}
"""
MEASURED = ["table", "setting", "seeds", "score", "gain", "gain_low", "gain_high", "verdict"]


def rounds_in(home: Path) -> int:
    """Rounds that a study has written down."""
    return sum(len(file.read_bytes().splitlines()) for file in (home / "studies").glob("*.jsonl"))


def kill_after(rounds: int, command: Command, home: Path, seconds: float = 600) -> None:
    """Kills all processes of a study while it measures the round after so many."""
    end = time.monotonic() + seconds
    while rounds_in(home) < rounds:
        assert command.process.poll() is None, command.text()
        assert time.monotonic() < end, command.text()
        time.sleep(0.05)
    command.kill()


def tables_of(home: Path) -> pd.DataFrame:
    return pd.read_parquet(home / "products" / "flowers" / "study" / "tables.parquet")[MEASURED]


def test_a_study_that_was_killed_three_times_ends_with_the_same_tables(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(STUDY)
    home = tmp_path / "home"
    for rounds in (1, 3, 4):
        kill_after(rounds, paredown(tmp_path, "study", "a.yaml", log=f"killed-{rounds}"), home)
    last = paredown(tmp_path, "study", "a.yaml", log="last")
    assert last.ends() == 0, last.text()
    assert last.text().count("Next: ") <= 2, "what was measured is not measured again"
    killed = tables_of(home)
    assert killed["seeds"].tolist() == [3] * len(killed)

    for file in (home / "studies").glob("*.jsonl"):
        file.unlink()
    alone = paredown(tmp_path, "study", "a.yaml", log="alone")
    assert alone.ends() == 0, alone.text()
    pd.testing.assert_frame_equal(tables_of(home), killed)
