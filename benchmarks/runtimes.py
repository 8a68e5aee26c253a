"""ONNX Runtime beside OpenVINO: the same files of a network in both, by batch, and how many answers differ.

    python benchmarks/runtimes.py --images images.npz --name resnet20 float=resnet20.onnx int8=resnet20-int8.onnx
    python benchmarks/runtimes.py … --publish

The first file is the reference, in ONNX Runtime. Each file is run in ONNX Runtime, and in OpenVINO in every precision
that this processor has in hardware. All are timed interleaved on one thread in fresh processes, with bound calls; a
ratio is the reference's time over the file's, with a 95 % interval over the processes. images.npz holds the raw inputs
of the files in its first array, (count, height, width, channels); several files are put together.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from publish import BENCHMARKS, lines_of, publish

from tasks.kernels.engines.product_session import predict_product
from tasks.kernels.engines.runtime_record import RuntimeRecord, installed_version, native_precisions, with_record
from tasks.kernels.host.machine import host_name, instruction_flags
from tasks.kernels.latency.benchmark import compare_latencies, time_batches
from tasks.kernels.onnx import description

Images = NDArray[Any]
BATCHES = (1, 32)
HEAD = ["| file | runtime | batch 1 | batch 32 | other answers |", "|---|---|---|---|---|"]


def main() -> None:
    """Times all files, prints the table, and writes it where asked."""
    options = read_options()
    mark = f"runtimes {options.name}"
    if options.publish:
        lines_of(BENCHMARKS.read_text(), mark)  # marks that are missing show before the minutes, not after
    files = {name: Path(place) for name, _, place in (each.partition("=") for each in options.files)}
    images = np.concatenate([np.load(place)[np.load(place).files[0]] for place in options.images])
    lines = [*table(files, images, options.processes), "", conditions(len(images), options.processes)]
    print("\n".join(lines))
    if options.publish:
        publish(mark, lines)


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="NAME=FILE", help="the reference first")
    parser.add_argument("--images", nargs="+", type=Path, required=True, help=".npz files")
    parser.add_argument("--name", required=True, help="the network's")
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--publish", action="store_true", help="put the table into docs/benchmarks.md")
    return parser.parse_args()


def table(files: Mapping[str, Path], images: Images, processes: int) -> list[str]:
    """A row for each file in each runtime and precision."""
    records = [RuntimeRecord(), *(RuntimeRecord("openvino", "", precision) for precision in native_precisions())]
    with tempfile.TemporaryDirectory() as folder:
        written = {
            (name, record): write_file(place, record, Path(folder) / f"{name}-{number}.onnx")
            for name, place in files.items()
            for number, record in enumerate(records)
        }
        ratios = time_files(written, images, processes)
        answers = {key: answers_of(place, images) for key, place in written.items()}
    reference = next(iter(written))
    return HEAD + [
        f"| {name} | {record.words} | {' | '.join(ratios[name, record])} "
        f"| {np.count_nonzero(found != answers[reference])} of {len(images):,} |"
        for (name, record), found in answers.items()
    ]


def write_file(source: Path, record: RuntimeRecord, place: Path) -> Path:
    """A copy of a file that says how it runs."""
    place.write_bytes(with_record(source.read_bytes(), record))
    return place


def time_files(
    written: Mapping[tuple[str, RuntimeRecord], Path], images: Images, processes: int
) -> dict[tuple[str, RuntimeRecord], list[str]]:
    """The ratio of each file to the first, as text, for each of BATCHES."""
    names = {key: str(number) for number, key in enumerate(written)}
    models = {names[key]: place for key, place in written.items()}
    inputs = inputs_of(next(iter(written.values())), images[: max(BATCHES)])
    times = time_batches(models, inputs, BATCHES, processes=processes, seconds=0.5)
    speeds = [compare_latencies(times[batch].processes, "0") for batch in BATCHES]
    return {
        key: [f"{each[name].ratio:.2f} [{each[name].low:.2f}, {each[name].high:.2f}]" for each in speeds]
        for key, name in names.items()
    }


def answers_of(place: Path, images: Images) -> NDArray[Any]:
    """The class of each image, as the file answers in its runtime."""
    found: NDArray[Any] = predict_product(place, inputs_of(place, images), 256).argmax(axis=1)
    return found


def inputs_of(place: Path, images: Images) -> dict[str, Images]:
    """The images as the inputs of a file with one input."""
    [given] = description.interface(place)[0]
    return {given.name: images}


def conditions(count: int, processes: int) -> str:
    """What the table rests on."""
    sets = " ".join(name for name in sorted(instruction_flags()) if name.startswith(("avx512_bf16", "amx")))
    return (
        f"n = {count:,} images for the answers, {processes} processes for the times. "
        f"Host: {host_name()}, OpenVINO {installed_version('openvino')}{f', {sets}' if sets else ''}."
    )


if __name__ == "__main__":
    main()
