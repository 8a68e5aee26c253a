"""Training timing: the seconds of the same training or fit with other threads, workers and devices, interleaved.

Each setup has fresh processes of its own, pinned to cores of their own, that wait for one another's turns.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from tasks.core import Context, Refusal, Workspace
from tasks.core.errors import in_one_line
from tasks.data.tables.column_steps import ColumnStep
from tasks.kernels.host.measurement_lock import exclusive_use
from tasks.models.model_spec import ModelSpec
from tasks.training.train_spec import RATES, TrainSpec
from tasks.training.training_data import TrainingInputs, TrainingResult, load_training_data

if TYPE_CHECKING:
    from tasks.training.training_data import TrainingData

EXAMPLES = 1_000
"""Most train examples, and most of validation, of the work that is timed."""
EPOCHS = 1
PLAIN: dict[str, Any] = {"epochs": EPOCHS, "early_stopping": None, "minutes": None, "warm_up": 0.0, "unfreeze": 0}
"""Values of `train` with which every turn is the same work."""
TURNS = 3
"""Timed turns of each setup, after one that is not counted."""


@dataclass(frozen=True)
class TrainingSetup:
    """How a training runs."""

    device: str = "cpu"
    """`cpu`, `cuda` or `mps`; of several workers on `cuda`, each has the GPU of its own number."""
    threads: int = 1
    """Of each worker."""
    workers: int = 1
    """Trainings at the same time."""


@dataclass(frozen=True)
class TrainingWork:
    """What is timed: the training of a network for EPOCHS, or the fit of a simple model."""

    model: ModelSpec
    train: TrainSpec
    inputs: TrainingInputs
    steps: tuple[ColumnStep, ...] = ()
    """The preprocessing of a simple model's columns."""


def time_trainings(
    setups: Mapping[str, TrainingSetup], work: TrainingWork, repetition: int, host: str, context: Context
) -> dict[str, float]:
    """The median seconds of one training with each setup, by name; of several workers, those of all by their number.

    No other work of this user runs meanwhile (`measurement_lock`).

    Args:
        setups: the setups by name.
        work: the same for all.
        repetition: its number decides which setup has the first turn, and is part of the cache key.
        host: this host's name and its GPUs, so that a cached result is valid on this host alone.
        context: its store holds the data.

    Raises:
        Refusal: the work cannot be done with a setup, for example since it does not fit into the device's memory.
    """
    seconds: dict[str, list[float]] = {name: [] for name in setups}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        crews = {
            name: stack.enter_context(start_crew(setup, work, context.workspace, folder))
            for name, setup in setups.items()
        }
        names = [*setups]
        for name in names:
            for worker in crews[name]:
                await_worker(worker, name)
        stack.enter_context(exclusive_use())
        for turn in range(1 + TURNS):
            first = (repetition + turn) % len(names)
            for name in (*names[first:], *names[:first]):
                seconds[name].append(work_once(crews[name], name))
    return {name: statistics.median(found[1:]) for name, found in seconds.items()}


def work_once(crew: list[Connection], name: str) -> float:
    """Seconds of one turn of a setup's workers, by their number. Raises Refusal if one of them fails."""
    started = time.perf_counter()
    try:
        for worker in crew:
            worker.send(True)
    except OSError as error:
        raise Refusal(f"{name}: its process ended") from error
    for worker in crew:
        await_worker(worker, name)
    return (time.perf_counter() - started) / len(crew)


def await_worker(worker: Connection, name: str) -> None:
    """Waits until a worker is ready. Raises Refusal if it failed."""
    try:
        said = worker.recv()
    except EOFError:
        said = "its process ended"
    if said:
        raise Refusal(f"{name}: {said}")


@contextmanager
def start_crew(
    setup: TrainingSetup, work: TrainingWork, workspace: Workspace, folder: str
) -> Iterator[list[Connection]]:
    """The connections to fresh processes of a setup, each of which says when it is ready for its first turn."""
    spawn = multiprocessing.get_context("spawn")
    crew, processes = [], []
    try:
        for number in range(setup.workers):
            here, there = spawn.Pipe()
            place = f"{setup.device}:{number}" if setup.device == "cuda" and setup.workers > 1 else setup.device
            given = there, setup, number, work, replace(workspace, device=place), folder
            process = spawn.Process(target=serve_turns, args=given, daemon=True)
            process.start()
            there.close()
            processes.append(process)
            crew.append(here)
        yield crew
    finally:
        for worker in crew:
            worker.close()  # its process ends at that
        for process in processes:
            process.join(timeout=10)
            if process.is_alive():
                process.kill()


def serve_turns(
    turns: Connection, setup: TrainingSetup, number: int, work: TrainingWork, workspace: Workspace, folder: str
) -> None:
    """The life of a worker: prepares the work, and does it once for every turn, until nobody listens."""
    tempfile.tempdir = folder  # its locks are its own: the measurement that it is part of holds the others
    import torch

    from tasks.kernels.latency.fresh_process import pin_process

    try:
        pin_process(setup.threads, number)
        torch.set_num_threads(setup.threads)
        once = fit_of_work(work, workspace) if work.model.is_simple else training_of_work(work, workspace)
        turns.send("")
        while turns.recv():
            once()
            turns.send("")
    except (EOFError, ConnectionError):
        return
    except Exception as error:  # whatever breaks is said to the process that waits
        turns.send(in_one_line(error) or type(error).__name__)


def training_of_work(work: TrainingWork, workspace: Workspace) -> Callable[[], TrainingResult]:
    """A call that trains the network from its beginning, for EPOCHS on at most EXAMPLES, on the workspace's device."""
    from tasks.models.factory import build_network, complete_factory
    from tasks.training import train

    made = complete_factory(work.model.model_copy(update={"ensemble": None}), work.inputs.prepared)
    data = shorten_data(load_training_data(work.inputs, Context(workspace)))
    rate = RATES[work.train.optimizer] if work.train.learning_rate == "auto" else work.train.learning_rate
    precision = "float32" if work.train.precision == "auto" else work.train.precision
    spec = work.train.model_copy(update={**PLAIN, "changes": {}, "learning_rate": rate, "precision": precision})
    return lambda: train.train(build_network(*made, seed=spec.seed).to(workspace.device), data, spec)


def shorten_data(data: TrainingData) -> TrainingData:
    """The data with at most EXAMPLES of train and of validation."""
    return replace(
        data,
        inputs=data.inputs[:EXAMPLES],
        targets=data.targets[:EXAMPLES],
        validation_inputs=data.validation_inputs[:EXAMPLES],
        validation_targets=data.validation_targets[:EXAMPLES],
    )


def fit_of_work(work: TrainingWork, workspace: Workspace) -> Callable[[], object]:
    """A call that fits the simple model on all train rows."""
    from tasks.training.simple.fit_spec import fit_of
    from tasks.training.simple.fit_table import fit_pipeline

    spec = fit_of(work.model, work.train.seed)
    return lambda: fit_pipeline(work.inputs.prepared, spec, work.steps, Context(workspace))
