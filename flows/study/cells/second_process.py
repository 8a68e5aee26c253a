"""Second process: makes the settings of a round from its end, while the study makes them from its beginning.

One core trains a small network as fast as two cores do, so two trainings at a time halve a round. The second process
only fills the store, where the study then finds what was made: whatever breaks in it, the study meets and tells itself.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path

from flows.pipeline.run_context import Job
from flows.study.study_context import Study
from tasks.core import Context, InputError, PlainRunner, Refusal, Runner, Workspace, write_atomically
from tasks.study.design import Cell

RunnerOpener = Callable[[Workspace], AbstractContextManager[Runner]]
"""Opens a runner in the second process, whose results the study's own runner finds. It is pickled."""
MakeCell = Callable[[Cell, int, Study], object]
"""Makes a cell with a seed, with its results in the store. It is pickled."""


@dataclass
class SecondProcess:
    """A process that makes settings beside this one, as long as it lives."""

    connection: Connection

    def share(self, cells: Sequence[Cell], seed: int) -> Iterator[Cell]:
        """The cells that this process should make, one after the other; at the end all are made or were tried."""
        with tempfile.TemporaryDirectory() as folder:
            is_told = self.tell((folder, tuple(cells), seed))
            for place, cell in enumerate(cells):
                if claim(Path(folder), place):
                    yield cell
            if is_told:
                self.await_end()

    def tell(self, work: object) -> bool:
        """Whether the process could be given its work."""
        try:
            self.connection.send(work)
        except OSError:
            return False  # it has ended, and this process makes everything
        return True

    def await_end(self) -> None:
        """Waits until the process has no more to make, or has ended."""
        try:
            self.connection.recv()
        except (EOFError, OSError):
            return


def is_of_use(study: Study) -> bool:
    """Whether two processes are faster than one: networks are trained, on a processor of several cores."""
    import torch

    is_on_cpu = study.job.context.workspace.device == "cpu"
    return is_on_cpu and not study.recipe.model.is_simple and torch.get_num_threads() > 1


def threads_of_each() -> int:
    """Threads with which each of two processes trains: half of torch's."""
    import torch

    return max(1, torch.get_num_threads() // 2)


def claim(folder: Path, place: int) -> bool:
    """Whether this process is the first that wants the cell at a place: a file is made once, also by two processes."""
    try:
        os.close(os.open(folder / str(place), os.O_CREAT | os.O_EXCL))
    except (FileExistsError, FileNotFoundError):  # without its folder, the round has ended
        return False
    return True


@contextmanager
def start_second_process(study: Study, open_runner: RunnerOpener, make: MakeCell) -> Iterator[SecondProcess]:
    """A second process for a study; meanwhile each of the two trains with half of the cores."""
    import torch

    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    before = torch.get_num_threads()
    threads = threads_of_each()
    job = study.job
    sent = replace(study, job=Job(job.recipe, Context(job.context.workspace), PlainRunner()), made={})
    process = spawn.Process(target=serve, args=(there, sent, threads, open_runner, make), daemon=True)
    process.start()
    there.close()
    torch.set_num_threads(threads)
    try:
        yield SecondProcess(here)
    finally:
        torch.set_num_threads(before)
        here.close()
        process.kill()  # what it was making is made again from its checkpoint, where somebody needs it
        process.join()


def serve(connection: Connection, study: Study, threads: int, open_runner: RunnerOpener, make: MakeCell) -> None:
    """The life of the second process: makes cells from the end of each round, until nobody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the study's process decides
    threading.Thread(target=end_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(threads)
    with open_runner(study.job.context.workspace) as runner:
        study = replace(study, job=replace(study.job, runner=runner))
        while True:
            try:
                folder, cells, seed = connection.recv()
                make_from_end(Path(folder), cells, seed, study, make)
                connection.send(None)
            except (EOFError, OSError):
                return


def make_from_end(folder: Path, cells: Sequence[Cell], seed: int, study: Study, make: MakeCell) -> None:
    """Makes the cells that nobody has claimed, the last one first. What breaks is written into the home's `errors`."""
    for place in reversed(range(len(cells))):
        if claim(folder, place):
            try:
                make(cells[place], seed, study)
            except (Refusal, InputError):  # the study meets it again, and says it
                continue
            except Exception as error:  # what breaks here alone would only make the study slow
                home = study.job.context.workspace.home
                file = home / "errors" / f"{study.recipe.name}-second-process.txt"
                write_atomically(file, "".join(traceback.format_exception(error)).encode(errors="backslashreplace"))


def end_with_parent() -> None:
    """Ends this process as soon as the one that started it is gone, also by a kill."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
