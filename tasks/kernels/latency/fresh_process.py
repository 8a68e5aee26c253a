"""Fresh process: times files, or measures a first run, in a process of its own, pinned to cores of its own.

`python -m tasks.kernels.latency.fresh_process FOLDER` runs one: it reads request.json and the inputs from the folder
and writes its answer there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from tasks.kernels.engines.product_session import open_product
from tasks.kernels.engines.runtime_record import record_from
from tasks.kernels.host import machine
from tasks.kernels.latency.interleaving import Floats, interleave
from tasks.kernels.onnx import sessions

Array = NDArray[Any]


def ask_fresh_process(request: Mapping[str, Any], inputs: Mapping[str, Array]) -> dict[str, Floats]:
    """The answer of a fresh process: name → numbers.

    Args:
        request: JSON. `threads` and `seed` pin the process; with `start`, one file, its first run is measured,
            otherwise the `models` are timed at `batches`, or at the batch of the inputs.
        inputs: input name → array of the largest batch.

    Raises:
        RuntimeError: the process failed; the message ends with the last line of its errors.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kinds = [[key, _write(folder / f"input{i}", array)] for i, (key, array) in enumerate(inputs.items())]
        (folder / "request.json").write_text(json.dumps({**request, "inputs": kinds}))
        command = [sys.executable, "-m", "tasks.kernels.latency.fresh_process", name]
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
    answer = _measure_start(request, inputs) if "start" in request else _measure_times(request, inputs)
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
    for batch in request.get("batches", [None]):
        part = {name: array[:batch] for name, array in inputs.items()}
        for name, file in request["models"].items():
            session = _open(file, request, part)
            place = name if batch is None else f"{batch} {name}"
            calls[place] = sessions.bound_call(session, sessions.taken_inputs(session, part))
    return interleave(calls, request["seconds"], request["seed"])


def _open(file: Sequence[Any], request: Mapping[str, Any], inputs: Mapping[str, Array]) -> Any:
    """A session of a file, whose runtime record stands beside it, for the batch of the inputs."""
    path, record = file
    batch = len(next(iter(inputs.values())))
    return open_product(Path(path), record_from(record), request["threads"], request["provider"], batch)


def _measure_start(request: Mapping[str, Any], inputs: dict[str, Array]) -> dict[str, Floats]:
    before = psutil.Process().memory_info().rss
    marks = [time.perf_counter()]
    session = _open(request["start"], request, inputs)
    marks.append(time.perf_counter())
    taken = sessions.taken_inputs(session, inputs)
    for _ in range(3):
        session.run(None, taken)
        marks.append(time.perf_counter())
    loaded, first, *_ = 1000 * np.diff(marks)
    memory = max(0, _peak() - before) / 2**20
    return {"load_ms": np.array([loaded]), "first_ms": np.array([first]), "memory_mb": np.array([memory])}


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
