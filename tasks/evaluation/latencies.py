"""Latencies: the times of files under the recipe's runtime, interleaved in fresh processes, as scorecards show them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core import Estimate, Latency, Progress, Runtime, Update, silent

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.latency.interleaving import Floats

SECONDS = 0.3
"""Seconds for which one file is timed in each process. More would not narrow an interval: the standard deviation of a
ratio between processes was 1.0, 1.7 and 1.1 % for three files of 20 to 30 us and 0.9 % for one of 350 us after 0.1 s,
and the same after 1 s (12 and 10 processes)."""
Ratios = Mapping[str, Sequence[float]]
"""Digest → the baseline's time over the file's, in each process from the first on."""
StoppingRule = Callable[[Mapping[str, Latency], Ratios], Collection[str]]
"""From the latencies so far, whose intervals hold at every look, the digests of the files to be timed further."""


def measure_latency(
    files: Mapping[str, Path],
    baseline: str,
    inputs: Mapping[str, np.ndarray],
    runtime: Runtime,
    rule: StoppingRule | None = None,
    progress: Progress = silent,
    floats: Sequence[str] = (),
) -> dict[str, Latency]:
    """Latencies by digest, measured for all files interleaved, in each of several fresh processes.

    Each call runs the first `runtime.batch` examples.

    Args:
        files: the files by digest.
        baseline: digest of the file with which the others are compared, which is timed in every process.
        inputs: input name → array, with the examples on the first axis.
        runtime: its `processes` is the number of processes.
        rule: asked after the third process and each further one. Files that it does not name are timed no longer;
            where it names none, no more processes follow.
        progress: called after every process.
        floats: digests of the baseline's file in other engines that compute in float32 (`Latency.float_ratio`).
    """
    from tasks.kernels.latency import benchmark

    most = runtime.processes

    def remaining(found: Sequence[Mapping[str, Floats]]) -> Collection[str]:
        done = len(found)
        of = f"{'at most ' if rule else ''}{most}"
        progress(Update(round(40 + 50 * done / most), 100, f"timed in process {done} of {of}"))
        if rule is None or done < benchmark.FEWEST:
            return files
        rest = rule(_latencies(found, baseline, most), benchmark.process_ratios(found, baseline))
        return {baseline, *rest} if rest else ()

    batch = first_batch(inputs, runtime.batch)
    times = benchmark.time_models(files, batch, runtime.threads, runtime.provider, most, SECONDS, remaining)
    looks = most if rule else None
    found = _latencies(times.processes, baseline, looks, times.quiet)
    best = max((baseline, *floats), key=lambda digest: found[digest].ratio.value)
    if best == baseline:
        return found
    shared = [each for each in times.processes if best in each]
    beside = _latencies(shared, best, looks, times.quiet)
    return {digest: replace(latency, float_ratio=beside[digest].ratio) for digest, latency in found.items()}


def _latencies(
    processes: Sequence[Mapping[str, Floats]], baseline: str, most: int | None, quiet: bool = True
) -> dict[str, Latency]:
    from tasks.kernels.latency import benchmark

    return {
        digest: Latency(
            speed.median_ms,
            speed.p95_ms,
            speed.calls,
            speed.processes,
            Estimate(speed.ratio, speed.low, speed.high, speed.processes),
            speed.verdict,
            quiet,
        )
        for digest, speed in benchmark.compare_latencies(processes, baseline, most).items()
    }


def first_batch(inputs: Mapping[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """The first `count` examples of each input; the examples of a shorter split are repeated."""
    import numpy as np

    return {name: np.asarray(array[np.arange(count) % len(array)]) for name, array in inputs.items()}
