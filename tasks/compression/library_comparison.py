"""Library comparison: the product's latency beside that of the same model in scikit-learn, LightGBM or XGBoost.

Fits are deterministic, so the model is fitted again to be timed. It goes to each of several fresh processes
(`python -m tasks.compression.library_comparison FOLDER`) through a pipe, and is never stored.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from tasks.core import Candidate, Context, Estimate, LibraryComparison, PeerTime, Prepared, Refusal
from tasks.core.errors import in_one_line
from tasks.data import input_layout
from tasks.data.tables.column_steps import ColumnStep
from tasks.kernels.host import measurement_lock
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import fit_pipeline
from tasks.training.simple.table_rows import columns_of

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.latency.interleaving import Floats

ROWS = (1, 1000)
"""Numbers of rows in one call."""
PROCESSES = 3
SECONDS = 0.5
"""Measuring time for each number of rows in each process."""
LONGEST = 0.1
"""Seconds of one call of every peer, above which so many rows are left out: they would be timed for minutes."""
PRODUCT, UNPARED = "the product in ONNX Runtime", "before it was pared down"

Calls = Mapping[str, Callable[[], object]]


def is_fit(candidate: Candidate) -> bool:
    """Whether a candidate is the answer of `fit_table`, without further steps, and can be fitted again."""
    first, *more = candidate.lineage
    return first.technique == "fit" and not more and not first.knobs.get("taught")


def compare_with_library(
    fitted: Candidate, product: Candidate, prepared: Prepared, host: str, context: Context
) -> LibraryComparison:
    """Times a product against the simple model that it began as, in ONNX Runtime and in Python.

    Every call gets rows of the validation split: the product and `pipeline.predict` the raw ones, the model alone
    (`booster.predict`) a ready float32 matrix of features.

    Args:
        fitted: the answer of `fit_table`.
        product: `fitted` itself, or what branch steps made of it.
        prepared: the data that it was fitted on.
        host: this host's name (`machine.host_name`).
        context: its store holds the files.
    """
    from tasks.kernels.latency.benchmark import compare_latencies

    try:
        request = _request(fitted, product, prepared, context)
        runs, quiet = _time_in_processes(pickle.dumps(request))
    except Exception as error:  # an estimator of the user's may fail in any way, and the product is there already
        return LibraryComparison(host, failure=in_one_line(error))
    times = []
    for rows in request["rows"]:
        processes = [{name: each for (name, count), each in run.items() if count == rows} for run in runs]
        middle = compare_latencies(processes, PRODUCT)
        for name, speed in middle.items():
            paired = compare_latencies(processes, name)[PRODUCT]
            ratio = Estimate(paired.ratio, paired.low, paired.high, paired.processes)
            times.append(PeerTime(name, rows, speed.median_ms, speed.calls, ratio))
    return LibraryComparison(host, tuple(times), quiet)


def _request(fitted: Candidate, product: Candidate, prepared: Prepared, context: Context) -> dict[str, Any]:
    """What a timing process gets: the files, the fitted pipeline, and the rows of each call in both forms."""
    import numpy as np

    from tasks.kernels.onnx.description import interface

    store, dataset = context.store, prepared.dataset
    files = {PRODUCT: product.content} | ({UNPARED: fitted.content} if fitted.content != product.content else {})
    with measurement_lock.shared_use():
        pipeline = _refit(fitted, prepared, context)
        frame = columns_of(prepared, "validation", store)
        places = np.arange(max(ROWS)) % len(frame)
        frame = frame.iloc[places].reset_index(drop=True)
        inputs = input_layout.product_inputs(prepared, "validation", store)
        taken = {tensor.name for tensor in interface(store.path(product.content))[0]}
        request: dict[str, Any] = {
            "files": {name: str(store.path(content).resolve()) for name, content in files.items()},
            "pipeline": pipeline,
            "frame": frame.to_numpy() if dataset.is_matrix else frame,
            "inputs": {name: array[places] for name, array in inputs.items() if name in taken},
            "seconds": SECONDS,
        }
        _check_same(request, store.get(fitted.content), dataset.classes)
        first, *more = ROWS
        return {**request, "rows": [first, *(rows for rows in more if _duration(_calls(request, rows)) <= LONGEST)]}


def _check_same(request: Mapping[str, Any], file: bytes, classes: Sequence[str]) -> None:
    """Raises Refusal unless the model that was fitted again answers as the file that it became the first time."""
    from tasks.kernels.estimators.agreement import TOLERANCE, compare_feeds

    scale = 1.0
    if not classes:
        scale = float(request["pipeline"].predict(request["frame"]).std()) or 1.0
    found = compare_feeds(request["pipeline"], file, request["frame"], request["inputs"], classes or None, scale)
    if found.rows:
        raise Refusal(f"fitted again, the model answers otherwise by up to {found.largest:.2g} (above {TOLERANCE:g})")


def _refit(fitted: Candidate, prepared: Prepared, context: Context) -> Any:
    """The fitted pipeline of a candidate, out of the knobs in its lineage."""
    knobs = fitted.lineage[0].knobs
    steps: list[ColumnStep] = TypeAdapter(list[ColumnStep]).validate_python(knobs["preprocess"])
    known = {name: value for name, value in knobs.items() if name in Fit.model_fields}
    return fit_pipeline(prepared, Fit.model_validate(known), steps, context)


def _duration(calls: Calls) -> float:
    """Seconds of one call of each, after a first one."""
    for call in calls.values():
        call()
    started = time.perf_counter()
    for call in calls.values():
        call()
    return time.perf_counter() - started


def _calls(request: Mapping[str, Any], rows: int) -> Calls:
    """The product first, then its form before, then the pipeline, then the model alone."""
    from tasks.kernels.onnx.sessions import open_session, taken_inputs

    feeds = {name: array[:rows] for name, array in request["inputs"].items()}
    pipeline, frame = request["pipeline"], request["frame"][:rows]
    sessions = {name: open_session(Path(file)) for name, file in request["files"].items()}
    calls: dict[str, Callable[[], object]] = {
        name: partial(each.run, None, taken_inputs(each, feeds)) for name, each in sessions.items()
    }
    verb = "predict_proba" if hasattr(pipeline, "predict_proba") else "predict"
    calls[f"pipeline.{verb} of scikit-learn"] = partial(getattr(pipeline, verb), frame)
    name, call = _model_alone(pipeline, frame, verb)
    return {**calls, name: call}


def _model_alone(pipeline: Any, frame: Any, verb: str) -> tuple[str, Callable[[], object]]:
    """The last step without all that scikit-learn does around it, on a ready matrix: the honest peer."""
    import numpy as np

    matrix: np.ndarray = np.ascontiguousarray(pipeline[:-1].transform(frame), dtype=np.float32)
    model = getattr(pipeline[-1], "regressor_", pipeline[-1])  # without the inverse of a target's transformation
    if hasattr(model, "booster_"):
        return "booster.predict of LightGBM on a ready matrix", partial(model.booster_.predict, matrix, num_threads=1)
    if hasattr(model, "get_booster"):
        booster = model.get_booster()
        booster.set_param({"nthread": 1})
        return "booster.inplace_predict of XGBoost on a ready matrix", partial(booster.inplace_predict, matrix)
    return f"{type(model).__name__}.{verb} on a ready matrix", partial(getattr(model, verb), matrix)


# The two sides of a fresh process: the request comes through the pipe, the answer through the folder.


def _time_in_processes(request: bytes) -> tuple[Sequence[Mapping[tuple[str, int], Floats]], bool]:
    """(name, rows) → milliseconds of each call, in each process, and whether no other work ran meanwhile.

    Raises RuntimeError with the last line of a process's errors when it fails.
    """
    import numpy as np

    found, is_quiet = [], True
    command = [sys.executable, "-m", "tasks.compression.library_comparison"]
    # Classes of the user's own are found where this process found them.
    places = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for turn in range(PROCESSES):
        with tempfile.TemporaryDirectory() as folder, measurement_lock.exclusive_use() as undisturbed:
            words = [*command, folder, str(turn)]
            root = Path(__file__).parents[2]
            run = subprocess.run(words, input=request, capture_output=True, cwd=root, env=places, check=False)
            if run.returncode:
                last = (run.stderr.decode(errors="replace").strip() or "no message").splitlines()[-1]
                raise RuntimeError(f"timing process ended with code {run.returncode}: {last}")
            with np.load(Path(folder) / "times.npz", allow_pickle=False) as answer:
                names = {key: tuple(key.split(" ", 1)) for key in answer.files}
                found.append({(name, int(rows)): answer[key] for key, (rows, name) in names.items()})
        is_quiet = is_quiet and undisturbed
    return found, is_quiet


def _answer(folder: Path, turn: int) -> None:
    import numpy as np

    from tasks.kernels.latency.fresh_process import pin_process
    from tasks.kernels.latency.interleaving import interleave

    request = pickle.load(sys.stdin.buffer)  # of the process that started this one
    pin_process(1, turn)
    found: dict[str, Any] = {}
    for rows in request["rows"]:
        times = interleave(_calls(request, rows), request["seconds"], turn)
        found |= {f"{rows} {name}": each for name, each in times.items()}
    np.savez(folder / "times.npz", allow_pickle=False, **found)


if __name__ == "__main__":
    _answer(Path(sys.argv[1]), int(sys.argv[2]))
