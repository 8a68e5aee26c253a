"""What it saves a recovery to find the teacher's answers kept by an earlier one.

    python benchmarks/teacher_answers.py --data FOLDER --weights resnet20.th [--seeds 5] [--publish]

The ResNet-20 without four of its blocks, as benchmarks/recovery.py cuts it. For each seed one epoch is trained three
times, one after the other: with no folder for answers, with an empty one, and with what that left.
The clock is the processor's, with one thread; ratios are paired by seed, with Student's interval of their logarithms.
"""

from __future__ import annotations

import copy
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from publish import BENCHMARKS, lines_of, publish
from races import mean_interval
from recovery import cut, fine_tuned, load, read_options
from torch import nn

from tasks.kernels.host.machine import host_name
from tasks.training.distillation import train_with_teacher
from tasks.training.recovery import Recover
from tasks.training.training_data import TrainingData

MARK = "teacher answers"
COMPUTED, FIRST, LATER = "computed", "computed and kept", "found"


def main() -> None:
    """Times all trainings, prints the table, and writes it where asked."""
    options = read_options()
    if options.publish:
        lines_of(BENCHMARKS.read_text(), MARK)  # marks that are missing show before the minutes, not after
    torch.set_num_threads(1)
    options.keep.mkdir(parents=True, exist_ok=True)
    data, test = load(options)
    teacher = fine_tuned(options, data)
    student, _ = cut(options, 4, teacher, data, test)
    part = TrainingData(
        data.inputs[: options.train],
        data.targets[: options.train],
        data.validation_inputs[:1],
        data.validation_targets[:1],
        data.transform,
        data.augment,
    )
    runs = [time_epochs(student, teacher, part, seed) for seed in range(options.seeds)]
    conditions = f"n = {options.seeds} seeds, {options.train:,} images, bfloat16, one thread. Host: {host_name()}."
    lines = [*table(runs, options.train), "", conditions]
    print("\n".join(lines))
    if options.publish:
        publish(MARK, lines)


def time_epochs(student: nn.Module, teacher: nn.Module, data: TrainingData, seed: int) -> dict[str, float]:
    """Seconds of an epoch of each kind; the networks that come out must be the same."""
    spec = Recover(epochs=1, precision="bfloat16", seed=seed)
    seconds, weights = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for name, place in ((COMPUTED, None), (FIRST, Path(folder)), (LATER, Path(folder))):
            trained = copy.deepcopy(student)
            started = time.process_time()
            train_with_teacher(trained, teacher, data, spec, answers=place)
            seconds[name] = time.process_time() - started
            weights.append(torch.cat([each.flatten() for each in trained.parameters()]))
    if not all(torch.equal(each, weights[0]) for each in weights):
        raise RuntimeError(f"seed {seed}: with kept answers another network comes out")
    return seconds


def table(runs: Sequence[Mapping[str, float]], count: int) -> list[str]:
    """A row for each kind: images a second, and how many times as many as with computed answers."""
    lines = ["| the teacher's answers | images a second | of computed ones |", "|---|---|---|"]
    for name in (COMPUTED, FIRST, LATER):
        speed = len(runs) * count / sum(run[name] for run in runs)
        ratio = "–"
        if name != COMPUTED:
            found = mean_interval([math.log(run[COMPUTED] / run[name]) for run in runs])
            ratio = f"{math.exp(found.value):.2f} [{math.exp(found.low):.2f}, {math.exp(found.high):.2f}]"
        lines.append(f"| {name} | {speed:.0f} | {ratio} |")
    return lines


if __name__ == "__main__":
    main()
