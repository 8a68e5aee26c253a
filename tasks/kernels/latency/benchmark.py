"""Benchmark: the latency of ONNX files, with interleaved calls in several fresh processes, and their peak memory.

`python -m tasks.kernels.latency.benchmark FOLDER` runs one such process: it reads request.json and the inputs from
the folder and writes its answer there.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil
from numpy.typing import NDArray

from tasks.kernels.host import machine, measurement_lock
from tasks.kernels.latency.interleaving import Floats, interleave, time_ratio
from tasks.kernels.onnx import sessions
from tasks.kernels.statistics.intervals import ratio_interval

Array = NDArray[Any]
RESOLUTION = 0.01
"""A relative change below this counts as none: when few processes agree by chance, the interval is too narrow."""


@dataclass(frozen=True)
class Times:
    """The measurements of several fresh processes."""

    processes: list[dict[str, Floats]]
    """For each process and model, the milliseconds of each call, (rounds, calls in a block)."""
    quiet: bool
    """Whether no other work of this user ran meanwhile (`measurement_lock.exclusive_use`)."""


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
    seconds: float = 3.0,
    on_process: Callable[[int], None] | None = None,
) -> Times:
    """Times each model on one batch, in fresh processes that run while no other work is done on this machine.

    Each process is pinned to `threads` cores, to different ones as far as there are enough, and measures for about
    `seconds`. `on_process` is called with the number of processes done. Raises RuntimeError with the last line of
    a process's errors when it fails.
    """
    found, is_quiet = [], True
    for index in range(processes):
        request = {
            "models": {name: str(path.resolve()) for name, path in models.items()},
            "threads": threads,
            "provider": provider,
            "seconds": seconds,
            "seed": index,
        }
        with measurement_lock.exclusive_use() as undisturbed:
            found.append(_ask(request, inputs))
        is_quiet = is_quiet and undisturbed
        if on_process is not None:
            on_process(index + 1)
    return Times(found, is_quiet)


def peak_memory(
    model: Path, inputs: Mapping[str, Array], threads: int = 1, provider: sessions.Provider = "cpu"
) -> float:
    """Growth of resident memory, in MiB, in a fresh process that loads the file and runs it, at its highest."""
    request = {"memory": str(model.resolve()), "threads": threads, "provider": provider, "seed": 0}
    with measurement_lock.shared_use():
        return float(_ask(request, inputs)["memory"][0])


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


def compare_latencies(processes: Sequence[Mapping[str, Floats]], baseline: str) -> dict[str, Speed]:
    """Each model's speed relative to the model `baseline`, from the ratio in each process and their interval.

    `processes` is `Times.processes`.
    """
    return {name: _speed(processes, baseline, name) for name in processes[0]}


def _speed(processes: Sequence[Mapping[str, Floats]], baseline: str, name: str) -> Speed:
    calls = np.concatenate([times[name].ravel() for times in processes])
    ratios = [time_ratio(times[baseline], times[name]) for times in processes]
    value, low, high = (1.0, 1.0, 1.0) if name == baseline else ratio_interval(ratios)
    verdict: Literal["faster", "slower", "no measurable change"] = "no measurable change"
    if (low > 1 or high < 1) and abs(value - 1) >= RESOLUTION:
        verdict = "faster" if low > 1 else "slower"
    middle = statistics.median(float(np.median(times[name])) for times in processes)
    p95 = float(np.percentile(calls, 95))
    return Speed(middle, p95, calls.size, len(processes), value, low, high, verdict)


# The two sides of a fresh process: the request is written to a folder, and the answer to the same folder.


def _ask(request: Mapping[str, Any], inputs: Mapping[str, Array]) -> dict[str, Floats]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kinds = [[key, _write(folder / f"input{i}", array)] for i, (key, array) in enumerate(inputs.items())]
        (folder / "request.json").write_text(json.dumps({**request, "inputs": kinds}))
        command = [sys.executable, "-m", "tasks.kernels.latency.benchmark", name]
        run = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3], check=False)
        if run.returncode:
            last = (run.stderr.strip() or "no message").splitlines()[-1]
            raise RuntimeError(f"timing process ended with code {run.returncode}: {last}")
        with np.load(folder / "answer.npz", allow_pickle=False) as answer:
            names = json.loads((folder / "names.json").read_text())
            return {key: answer[str(i)] for i, key in enumerate(names)}


def _write(path: Path, array: Array) -> str:
    """Writes an input; text as JSON, because an array of objects would be pickled. Returns `text` or `numbers`."""
    if array.dtype.kind in "OUT":
        path.with_suffix(".json").write_text(json.dumps(array.tolist()))
        return "text"
    np.save(path.with_suffix(".npy"), np.asarray(array), allow_pickle=False)
    return "numbers"


def _read(path: Path, kind: str) -> Array:
    if kind == "text":
        return np.array(json.loads(path.with_suffix(".json").read_text()), dtype=object)
    return np.asarray(np.load(path.with_suffix(".npy"), allow_pickle=False))


def _answer(folder: Path) -> None:
    request = json.loads((folder / "request.json").read_text())
    pin_process(request["threads"], request["seed"])
    inputs = {key: _read(folder / f"input{i}", kind) for i, (key, kind) in enumerate(request["inputs"])}
    answer = _measure_memory(request, inputs) if "memory" in request else _measure_times(request, inputs)
    (folder / "names.json").write_text(json.dumps(list(answer)))
    np.savez(
        folder / "answer.npz",
        allow_pickle=False,
        **{str(i): array for i, array in enumerate(answer.values())},
    )


def pin_process(threads: int, turn: int) -> None:
    """Pins this process to `threads` cores, in each turn to others as far as there are enough."""
    allowed = machine.cores()
    process = psutil.Process()
    if hasattr(process, "cpu_affinity") and threads <= len(allowed):
        start = turn * threads % (len(allowed) // threads * threads)
        process.cpu_affinity(allowed[start : start + threads])


def _measure_times(request: Mapping[str, Any], inputs: dict[str, Array]) -> dict[str, Floats]:
    calls = {}
    for name, path in request["models"].items():
        session = sessions.open_session(Path(path), request["threads"], request["provider"])
        calls[name] = partial(session.run, None, sessions.taken_inputs(session, inputs))
    return interleave(calls, request["seconds"], request["seed"])


def _measure_memory(request: Mapping[str, Any], inputs: dict[str, Array]) -> dict[str, Floats]:
    before = psutil.Process().memory_info().rss
    session = sessions.open_session(Path(request["memory"]), request["threads"], request["provider"])
    taken = sessions.taken_inputs(session, inputs)
    for _ in range(3):
        session.run(None, taken)
    return {"memory": np.array([max(0, _peak() - before) / 2**20])}


def _peak() -> int:
    """Highest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: its value survives exec, and so includes the process that started this one.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    information = psutil.Process().memory_info()
    return int(getattr(information, "peak_wset", information.rss))


if __name__ == "__main__":
    _answer(Path(sys.argv[1]))
