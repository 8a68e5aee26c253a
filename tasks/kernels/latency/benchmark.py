"""Benchmark: the latency of ONNX files, with interleaved calls in several fresh processes, and their first runs."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.kernels.engines.runtime_record import read_runtime
from tasks.kernels.host import measurement_lock
from tasks.kernels.latency.fresh_process import ask_fresh_process
from tasks.kernels.latency.interleaving import Floats, time_ratio
from tasks.kernels.onnx import sessions
from tasks.kernels.statistics.intervals import ratio_interval
from tasks.kernels.statistics.multiplicity import look_level

Array = NDArray[Any]
FEWEST = 3
"""Processes below which no timing ends."""
RESOLUTION = 0.01
"""A relative change below this counts as none: when few processes agree by chance, the interval is too narrow."""


@dataclass(frozen=True)
class Times:
    """The measurements of several fresh processes."""

    processes: list[dict[str, Floats]]
    """For each process and each model timed in it, the milliseconds of each call, (rounds, calls in a block)."""
    quiet: bool
    """Whether no other work of this user ran meanwhile (`measurement_lock.exclusive_use`)."""


@dataclass(frozen=True)
class FirstRun:
    """What a fresh process needs for a file until its first answer; the runtime is imported already."""

    load_ms: float
    """Milliseconds to open the file."""
    first_ms: float
    """Milliseconds of the first call."""
    memory_mb: float
    """Growth of resident memory, in MiB, at its highest over the first calls."""


@dataclass(frozen=True)
class Speed:
    """One model's latency over all processes, and its ratio to the baseline's with a 95 % interval (low, high)."""

    median_ms: float
    p95_ms: float
    calls: int
    processes: int
    ratio: float
    """Geometric mean over processes of baseline time / model time: above 1 is faster."""
    low: float
    high: float
    verdict: Literal["faster", "slower", "no measurable change"]


def time_models(
    models: Mapping[str, Path],
    inputs: Mapping[str, Array],
    threads: int = 1,
    provider: sessions.Provider = "cpu",
    processes: int = 3,
    seconds: float = 1.0,
    remaining: Callable[[Sequence[Mapping[str, Floats]]], Collection[str]] | None = None,
) -> Times:
    """Times each model on one batch, in fresh processes that run while no other work is done on this machine.

    Each process is pinned to `threads` cores, to different ones as far as there are enough, and times each model for
    about `seconds`. `remaining` is called after each process with the measurements so far (`Times.processes`), and
    says which models the next one times: none ends the timing. Raises RuntimeError with the last line of a process's
    errors when it fails.
    """
    found: list[dict[str, Floats]] = []
    is_quiet, asked = True, {name: _file(path) for name, path in models.items()}
    for index in range(processes):
        request = {
            "models": {name: asked[name] for name in models},
            "threads": threads,
            "provider": provider,
            "seconds": seconds * len(models),
            "seed": index,
        }
        with measurement_lock.exclusive_use() as undisturbed:
            found.append(ask_fresh_process(request, inputs))
        is_quiet = is_quiet and undisturbed
        if remaining is not None:
            wanted = remaining(found)
            models = {name: path for name, path in models.items() if name in wanted}
        if not models:
            break
    return Times(found, is_quiet)


def time_batches(
    models: Mapping[str, Path],
    inputs: Mapping[str, Array],
    batches: Sequence[int],
    threads: int = 1,
    provider: sessions.Provider = "cpu",
    processes: int = 3,
    seconds: float = 0.2,
) -> dict[int, Times]:
    """As `time_models`, for each of several batches, all interleaved; the inputs hold at least the largest of them."""
    request = {
        "models": {name: _file(path) for name, path in models.items()},
        "batches": list(batches),
        "threads": threads,
        "provider": provider,
        "seconds": seconds * len(models) * len(batches),
    }
    answers, is_quiet = [], True
    for index in range(processes):
        with measurement_lock.exclusive_use() as undisturbed:
            answers.append(ask_fresh_process({**request, "seed": index}, inputs))
        is_quiet = is_quiet and undisturbed
    return {
        batch: Times([{name: each[f"{batch} {name}"] for name in models} for each in answers], is_quiet)
        for batch in batches
    }


def peak_memory(
    model: Path, inputs: Mapping[str, Array], threads: int = 1, provider: sessions.Provider = "cpu"
) -> float:
    """Growth of resident memory, in MiB, in a fresh process that loads the file and runs it, at its highest."""
    with measurement_lock.shared_use():
        return first_run(model, inputs, threads, provider).memory_mb


def first_run(
    model: Path, inputs: Mapping[str, Array], threads: int = 1, provider: sessions.Provider = "cpu", turn: int = 0
) -> FirstRun:
    """What a fresh process needs for a file until its first answer; `turn` pins it to other cores.

    Hold `measurement_lock.exclusive_use` where its times matter. Raises RuntimeError as `time_models` does.
    """
    request = {"start": _file(model), "threads": threads, "provider": provider, "seed": turn}
    return FirstRun(**{name: float(value[0]) for name, value in ask_fresh_process(request, inputs).items()})


def _file(model: Path) -> list[Any]:
    """What a fresh process gets of a file: its path and its runtime record."""
    return [str(model.resolve()), asdict(read_runtime(model))]


def failure(model: bytes, inputs: Mapping[str, Array]) -> str | None:
    """Why running the model in a fresh process fails; None when it works.

    In a process of its own, because the runtime can crash on a valid graph and would end this process, too.
    """
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "model.onnx"
        path.write_bytes(model)
        try:
            peak_memory(path, inputs)
        except RuntimeError as error:
            return str(error)
    return None


def compare_latencies(
    processes: Sequence[Mapping[str, Floats]], baseline: str, most: int | None = None
) -> dict[str, Speed]:
    """Each model's speed relative to the model `baseline`, from the ratio in each process and their interval.

    Args:
        processes: `Times.processes`. The baseline was timed in all of them, each model in the first one.
        baseline: the model with which the others are compared.
        most: where the timing may end after FEWEST processes or any later one, their number at most: the intervals
            are then wide enough to hold after each of them (`look_level`).
    """
    ratios = process_ratios(processes, baseline)
    return {
        name: _speed(name, [each[name] for each in processes if name in each], ratios[name], baseline, most)
        for name in processes[0]
    }


def process_ratios(processes: Sequence[Mapping[str, Floats]], baseline: str) -> dict[str, tuple[float, ...]]:
    """Each model's ratio (baseline time / model time) in each process in which it was timed, in their order."""
    return {
        name: tuple(time_ratio(times[baseline], times[name]) for times in processes if name in times)
        for name in processes[0]
    }


def interval_level(count: int, most: int | None) -> float:
    """The level of an interval of `count` processes; `most` as in `compare_latencies`."""
    return 0.95 if most is None else look_level(count - FEWEST + 1, most - FEWEST + 1)


def _speed(name: str, times: Sequence[Floats], ratios: Sequence[float], baseline: str, most: int | None) -> Speed:
    calls, level = np.concatenate([each.ravel() for each in times]), interval_level(len(times), most)
    value, low, high = (1.0, 1.0, 1.0) if name == baseline else ratio_interval(ratios, level)
    verdict: Literal["faster", "slower", "no measurable change"] = "no measurable change"
    if (low > 1 or high < 1) and abs(value - 1) >= RESOLUTION:
        verdict = "faster" if low > 1 else "slower"
    middle = statistics.median(float(np.median(each)) for each in times)
    p95 = float(np.percentile(calls, 95))
    return Speed(middle, p95, calls.size, len(times), value, low, high, verdict)
