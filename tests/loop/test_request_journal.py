"""Request journal: no answered row is lost by a kill, a disk that fails costs rows and is told once, old batches go."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.loop.serving import request_journal
from flows.loop.serving.request_journal import RequestJournal
from flows.loop.serving.request_log import write_table
from tasks.core import InputError

ROOT = Path(__file__).resolve().parents[2]


def rows(*numbers: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"x": list(numbers)})


def journal(folder: Path, told: list[str], days: int = 30) -> RequestJournal:
    return RequestJournal(folder, ".parquet", write_table, days, told.append)


def sealed(folder: Path) -> list[list[int]]:
    """The rows of each batch, by the batches' names."""
    return [pq.read_table(file)["x"].to_pylist() for file in sorted(folder.glob("requests-*.parquet"))]


def test_rows_are_sealed_at_the_end(tmp_path: Path) -> None:
    told: list[str] = []
    found = journal(tmp_path / "new" / "log", told)
    found.append(rows(1, 2))
    found.append(rows(3))
    assert sealed(tmp_path / "new" / "log") == []
    assert [file.name[0] for file in (tmp_path / "new" / "log").iterdir()] == ["."]
    found.close()
    assert sealed(tmp_path / "new" / "log") == [[1, 2, 3]]
    assert len(list((tmp_path / "new" / "log").iterdir())) == 1
    assert told == []


def test_a_full_file_and_an_old_one_are_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_journal, "MOST_ROWS", 3)
    monkeypatch.setattr(request_journal, "PAUSE", 0.05)
    found = journal(tmp_path, [])
    for number in range(4):
        found.append(rows(number))
    assert sealed(tmp_path) == [[0, 1, 2]]
    monkeypatch.setattr(request_journal, "MOST_SECONDS", 0.1)
    end = time.monotonic() + 20
    while len(sealed(tmp_path)) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    assert sealed(tmp_path) == [[0, 1, 2], [3]]
    found.close()


def test_a_killed_server_loses_no_row(tmp_path: Path) -> None:
    code = f"""
        import os, signal, pyarrow as pa
        from pathlib import Path
        from flows.loop.serving.request_journal import RequestJournal
        from flows.loop.serving.request_log import write_table
        found = RequestJournal(Path({str(tmp_path)!r}), ".parquet", write_table, 30, print)
        for number in range(50):
            found.append(pa.RecordBatch.from_pydict({{"x": [number]}}))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert ran.returncode == -9
    assert sealed(tmp_path) == []
    other = journal(tmp_path, [])
    assert sealed(tmp_path) == [list(range(50))]
    other.close()
    assert len(sealed(tmp_path)) == 1


def test_half_a_batch_costs_only_itself(tmp_path: Path) -> None:
    first = journal(tmp_path, [])
    first.append(rows(1))
    first.append(rows(2))
    [file] = tmp_path.iterdir()
    torn = tmp_path / ".requests-torn.arrows"
    torn.write_bytes(file.read_bytes()[:-40])
    second = journal(tmp_path, [])
    assert sealed(tmp_path) == [[1]]
    first.append(rows(3))  # a file that a living server writes is left alone
    first.close()
    second.close()
    assert sorted(sealed(tmp_path)) == [[1], [1, 2, 3]]


def test_a_place_that_cannot_be_written_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_journal, "PAUSE", 0.0)
    told: list[str] = []
    found = journal(tmp_path / "log", told)
    (tmp_path / "log").write_text("a file")
    for number in range(3):
        found.append(rows(number))
    assert len(told) == 1
    assert told[0].startswith(f"requests are not logged in {tmp_path / 'log'} (")
    (tmp_path / "log").unlink()
    found.append(rows(7))
    assert told[1:] == ["requests are logged again; 3 rows were not"]
    found.close()
    assert sealed(tmp_path / "log") == [[7]]


def test_old_batches_are_deleted_and_nothing_else(tmp_path: Path) -> None:
    for name in ("requests-old.parquet", "requests-new.parquet", "other.parquet"):
        (tmp_path / name).write_bytes(b"")
    before = time.time() - 3 * 86_400
    for name in ("requests-old.parquet", "other.parquet"):
        os.utime(tmp_path / name, (before, before))
    journal(tmp_path, [], days=2).close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["other.parquet", "requests-new.parquet"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("")
    with pytest.raises(InputError, match="--log: must be a folder"):
        journal(tmp_path / "log", [])
