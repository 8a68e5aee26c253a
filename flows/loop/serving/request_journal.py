"""Request journal: rows that were served, appended to a file at once, and sealed as a batch by and by.

The open file is an Arrow stream whose name begins with a dot, which `monitor` passes over. Every row that is answered
was written to it before, so a process that is killed loses none of them; the next server on the folder seals the file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from threading import Event, Lock, Thread
from typing import IO, TYPE_CHECKING, Any

from tasks.core import InputError

if TYPE_CHECKING:
    import pyarrow as pa

PREFIX, OPEN = "requests-", ".arrows"
"""Names of sealed batches begin with PREFIX; an open file has a dot before it, and ends with OPEN."""
MOST_ROWS, MOST_BYTES, MOST_SECONDS = 10_000, 64 * 2**20, 3600.0
"""A file is sealed when it has so many rows or bytes, or after so long."""
PAUSE = 60.0
"""Seconds between looks at the clock, and before writing is tried again after it failed."""
DAY = 86_400.0

Seal = Callable[["pa.Table", Path], None]
"""Writes the rows of an open file as a batch."""


@dataclass
class _OpenFile:
    path: Path
    lock: IO[bytes]
    """Holds a lock as long as the process lives."""
    sink: Any
    writer: Any
    since: float
    rows: int = 0

    def is_full(self) -> bool:
        return self.rows >= MOST_ROWS or self.sink.tell() >= MOST_BYTES

    def is_old(self) -> bool:
        return self.rows > 0 and time.monotonic() - self.since >= MOST_SECONDS

    def close(self) -> None:
        for each in (self.writer, self.sink, self.lock):
            with suppress(OSError):
                each.close()


class RequestJournal:
    """The journal of one server; several may share a folder. To be used from any thread."""

    def __init__(self, folder: Path, ending: str, seal: Seal, days: int, tell: Callable[[str], None]) -> None:
        """A journal; what a killed server left open is sealed, and what is too old deleted.

        Args:
            folder: where the batches are; it is made.
            ending: of the batches.
            seal: writes one.
            days: after which a batch is deleted.
            tell: is told, in a sentence, when rows cannot be written, and when they can again.

        Raises:
            InputError: the folder is a file.
        """
        if folder.exists() and not folder.is_dir():
            raise InputError("must be a folder", path="--log", value=str(folder))
        self._folder, self._ending, self._seal_as = folder, ending, seal
        self._days, self._tell = days, tell
        self._lock, self._end = Lock(), Event()
        self._open: _OpenFile | None = None
        self._again_at, self._lost = 0.0, 0
        with self._lock, self._trying(0):
            self._tidy()
        self._clock = Thread(target=self._watch, daemon=True)
        self._clock.start()

    def append(self, batch: pa.RecordBatch) -> None:
        """Writes rows; all of a journal have the same columns. That it fails is told once, and never raised."""
        with self._lock:
            if time.monotonic() < self._again_at:
                self._lost += batch.num_rows
                return
            with self._trying(batch.num_rows):
                self._open = self._open or self._begin(batch.schema)
                self._open.writer.write_batch(batch)
                self._open.rows += batch.num_rows
                self._say_that_it_works()
            if self._open and self._open.is_full():
                with self._trying(0):
                    self._seal()

    def close(self) -> None:
        """Seals what is open."""
        self._end.set()
        self._clock.join()
        with self._lock, self._trying(0):
            self._seal()
            self._tidy()

    def _watch(self) -> None:
        while not self._end.wait(PAUSE):
            with self._lock, self._trying(0):
                if self._open and self._open.is_old():
                    self._seal()
                self._tidy()

    def _begin(self, schema: pa.Schema) -> _OpenFile:
        import pyarrow as pa

        self._folder.mkdir(parents=True, exist_ok=True)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        path = self._folder / f".{PREFIX}{stamp}-{os.getpid()}{OPEN}"
        lock = path.open("xb")
        try:
            flock(lock, LOCK_EX | LOCK_NB)
            sink = pa.OSFile(str(path), "wb")
            return _OpenFile(path, lock, sink, pa.ipc.new_stream(sink, schema), time.monotonic())
        except OSError:
            path.unlink()
            lock.close()
            raise

    def _seal(self) -> None:
        if self._open is None:
            return
        done, self._open = self._open, None
        try:
            done.writer.close()
        finally:
            done.close()
        self._seal_file(done.path)

    def _tidy(self) -> None:
        """Seals what killed servers left, and deletes what is too old."""
        for path in self._folder.glob(f".{PREFIX}*{OPEN}"):
            with path.open("rb") as lock, suppress(BlockingIOError, FileNotFoundError):
                flock(lock, LOCK_EX | LOCK_NB)
                self._seal_file(path)
        for path in self._folder.glob(f"{PREFIX}*{self._ending}"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - self._days * DAY:
                    path.unlink()

    def _seal_file(self, path: Path) -> None:
        table = rows_in(path)
        if table is not None:
            name = path.name.removeprefix(".").removesuffix(OPEN) + self._ending
            part = path.with_name(f".{name}")
            self._seal_as(table, part)
            os.replace(part, self._folder / name)
        path.unlink()

    @contextmanager
    def _trying(self, rows: int) -> Iterator[None]:
        """Context in which a failure to write costs the log, not the answer."""
        import pyarrow as pa

        try:
            yield
        except (OSError, pa.ArrowException) as error:
            self._give_up(error, rows)

    def _say_that_it_works(self) -> None:
        if self._again_at:
            self._tell(f"requests are logged again; {self._lost:,} rows were not")
            self._again_at, self._lost = 0.0, 0

    def _give_up(self, error: Exception, rows: int) -> None:
        """Tells once that rows cannot be written; a later request tries again."""
        if self._open is not None:
            self._open.close()
            if not self._open.rows:
                self._open.path.unlink(missing_ok=True)
            self._open = None
        if not self._again_at:
            reason = getattr(error, "strerror", None) or str(error)
            self._tell(f"requests are not logged in {self._folder} ({reason}); they are answered all the same")
        self._again_at = time.monotonic() + PAUSE
        self._lost += rows


def rows_in(path: Path) -> pa.Table | None:
    """The rows of an open file, up to the last whole batch of them; None where there are none."""
    import pyarrow as pa

    batches: list[pa.RecordBatch] = []
    with suppress(pa.ArrowInvalid, OSError), pa.OSFile(str(path), "rb") as source:
        for batch in pa.ipc.open_stream(source):
            batches.append(batch)
    return pa.Table.from_batches(batches) if batches else None
