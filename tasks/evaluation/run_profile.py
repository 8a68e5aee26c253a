"""Run profile: how baseline and product run beside the recipe's own batch: larger batches, first run, peak memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core import Estimate, RunProfile, Runtime
from tasks.core.errors import in_one_line
from tasks.core.scorecard import BatchTime, FirstTime
from tasks.evaluation import engines, latencies

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.latency.benchmark import FirstRun

BATCHES = (1, 8, 32)
"""Examples of one call."""
PROCESSES = 3
SECONDS = 0.15
"""Seconds for which each file is timed at each batch in each process."""
LONGEST = 40.0
"""Milliseconds of a call of the baseline above which a batch is left out: it would be timed for a minute."""


def profile_files(
    files: Mapping[str, Path], inputs: Mapping[str, np.ndarray], runtime: Runtime, example_ms: float
) -> RunProfile:
    """Times files at BATCHES, interleaved, and their first runs, in turns, in fresh processes: in a few seconds.

    Args:
        files: by name: the baseline's first, then the product's unless it is the baseline.
        inputs: input name → array, with the examples on the first axis.
        runtime: its threads and provider are used; the first runs are of its batch.
        example_ms: milliseconds of the baseline for one example.
    """
    host = engines.host_of(runtime)
    try:
        times, is_still = _batch_times(files, inputs, runtime, example_ms)
        starts, is_quiet = _first_times(files, inputs, runtime)
    except RuntimeError as error:  # the product is there already
        return RunProfile(host, failure=in_one_line(error))
    return RunProfile(host, times, starts, is_still and is_quiet)


def _batch_times(
    files: Mapping[str, Path], inputs: Mapping[str, np.ndarray], runtime: Runtime, example_ms: float
) -> tuple[tuple[BatchTime, ...], bool]:
    from tasks.kernels.latency import benchmark
    from tasks.kernels.onnx.description import fixed_batch

    fixed = {fixed_batch(path) for path in files.values()} - {None}
    batches = [batch for batch in BATCHES if batch * example_ms <= LONGEST and fixed <= {batch}]
    if not batches:
        return (), True
    wide, (first, *_), last = latencies.first_batch(inputs, max(batches)), files, list(files)[-1]
    found = benchmark.time_batches(files, wide, batches, runtime.threads, runtime.provider, PROCESSES, SECONDS)
    times = []
    for batch, each in found.items():
        speeds = benchmark.compare_latencies(each.processes, first)
        ratio = Estimate(speeds[last].ratio, speeds[last].low, speeds[last].high, speeds[last].processes)
        times.append(BatchTime(batch, speeds[first].median_ms, speeds[last].median_ms, ratio))
    return tuple(times), all(each.quiet for each in found.values())


def _first_times(
    files: Mapping[str, Path], inputs: Mapping[str, np.ndarray], runtime: Runtime
) -> tuple[tuple[FirstTime, ...], bool]:
    from tasks.kernels.host import measurement_lock
    from tasks.kernels.latency import benchmark

    batch, is_quiet = latencies.first_batch(inputs, runtime.batch), True
    runs: dict[str, list[FirstRun]] = {name: [] for name in files}
    for turn in range(PROCESSES):
        for name, path in files.items():
            with measurement_lock.exclusive_use() as undisturbed:
                runs[name].append(benchmark.first_run(path, batch, runtime.threads, runtime.provider, turn))
            is_quiet = is_quiet and undisturbed
    return tuple(_first_time(name, found) for name, found in runs.items()), is_quiet


def _first_time(name: str, runs: Sequence[FirstRun]) -> FirstTime:
    from tasks.kernels.statistics.intervals import ratio_interval

    def estimate(values: Sequence[float]) -> Estimate:
        return Estimate(*ratio_interval([max(value, 1e-6) for value in values]), len(values))

    return FirstTime(
        name,
        estimate([run.load_ms for run in runs]),
        estimate([run.first_ms for run in runs]),
        estimate([run.memory_mb for run in runs]),
    )
