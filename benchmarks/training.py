"""Images per second of the training loop, beside no data work at all and beside a plain DataLoader loop; and the time
to an accuracy on Fashion-MNIST, beside that loop.

    python benchmarks/training.py [--rounds 20] [--seconds 0.5] [--threads 2] [--workers 0] [--json out.json]
        [--data FOLDER [--seeds 5] [--target 0.9]] [--publish]

Three loops train equal copies of one network on the same number of images, one after another in every round:
`ours` is this project's loop with crop and flip; `bare` feeds one ready float batch again and again, the
upper bound; `loader` is torch's DataLoader over PIL images with per-image crop, flip and normalization, as
tutorials write it. Pixels are random, so nothing is downloaded. A ratio is ours over theirs within a round:
above 1 is faster. Its 95 % interval is Student's t on the logarithms over the rounds, after one round that
is not counted. On a machine that others use, `--clock cpu --threads 1` counts the processor's time instead. With
--data, a folder with Fashion-MNIST as IDX files, the race of `learning_race.py` follows; it counts both.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from learning_race import race, race_table
from pictures import PADDING, Pictures, normalize
from publish import publish
from scipy import stats
from torch import nn
from torch.utils.data import DataLoader

from tasks.architectures import convnet, mlp, resnet20
from tasks.data.augmentation import Crop, Flip, compose
from tasks.kernels.host.machine import host_name
from tasks.kernels.training import loops, losses, optimizers, rate_schedules

BATCH = 128
Loop = Callable[[int], None]
"""Trains on so many images."""


def main() -> None:
    """Measures, prints a table, and writes JSON when asked."""
    options = read_options()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    networks = {
        "mlp 8x8x1": (mlp((1, 8, 8), 10, width=64, depth=2), (1, 8, 8)),
        "tiny convnet 28x28x1": (convnet((1, 28, 28), 10, width=4, depth=2), (1, 28, 28)),
        "convnet 28x28x1": (convnet((1, 28, 28), 10, width=16, depth=2), (1, 28, 28)),
        "resnet20 32x32x3": (resnet20((3, 32, 32), 10), (3, 32, 32)),
    }
    rows = []
    clock = Clock(options.clock, device)
    for name, (network, shape) in networks.items():
        contenders = {
            "ours": ours(network, shape, device),
            "bare": bare(network, shape, device),
            "loader": loader(network, shape, device, options.workers),
        }
        rows.append({"network": name, **compare(contenders, options.rounds, options.seconds, clock)})
        print_row(rows[-1])
    finishes = race(options.data, options.target, options.seeds, options.count) if options.data else []
    tables = {"training": speed_table(rows)} | ({"training race": race_table(finishes)} if finishes else {})
    for name, lines in tables.items():
        told = [*lines, "", note(name, options)]
        print("\n".join(told))
        if options.publish:
            publish(name, told)
    if options.json:
        host = {"processor": platform.processor() or platform.machine(), "torch": torch.__version__}
        settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()}
        report = {"host": host, "options": settings, "rows": rows, "race": [asdict(each) for each in finishes]}
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="counted rounds, at least 2")
    parser.add_argument("--seconds", type=float, default=0.5, help="about how long one loop runs in a round")
    parser.add_argument("--threads", type=int, default=2, help="torch's threads")
    parser.add_argument("--workers", type=int, default=0, help="processes of the DataLoader")
    parser.add_argument("--device", default="cpu", help="torch's device")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu leaves workers out")
    parser.add_argument("--data", type=Path, help="a folder with Fashion-MNIST as IDX files, for the race")
    parser.add_argument("--seeds", type=int, default=5, help="of the race")
    parser.add_argument("--target", type=float, default=0.9, help="validation accuracy at which a training ends")
    parser.add_argument("--count", type=int, help="train examples of the race; absent: 54,000")
    parser.add_argument("--publish", action="store_true", help="put the tables into docs/benchmarks.md")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    return parser.parse_args()


def compare(contenders: dict[str, Loop], rounds: int, seconds: float, clock: Clock) -> dict[str, object]:
    """Images per second (median) of each loop, and the ratios of ours with their intervals."""
    pilot = min(clock.time(contenders["ours"], 2 * BATCH) for _ in range(3))
    images = max(1, round(seconds / pilot * 2)) * BATCH
    speeds: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for turn in range(rounds + 1):
        for name in names[turn % 3 :] + names[: turn % 3]:
            speed = images / clock.time(contenders[name], images)
            if turn:
                speeds[name].append(speed)
    medians = {name: float(np.median(values)) for name, values in speeds.items()}
    ratios = {f"ours / {name}": interval(speeds["ours"], speeds[name]) for name in ("bare", "loader")}
    return {"images": images, "rounds": rounds, "images_per_second": medians, "ratios": ratios}


class Clock:
    """Seconds on the wall, or of this process on the processor; a GPU's queue is waited for."""

    def __init__(self, kind: str, device: torch.device) -> None:
        self.now = time.process_time if kind == "cpu" else time.perf_counter
        self.device = device

    def time(self, loop: Loop, images: int) -> float:
        """Seconds that a loop takes on so many images."""
        start = self.now()
        loop(images)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return self.now() - start


def interval(ours: list[float], theirs: list[float]) -> dict[str, float]:
    """Geometric mean of the paired ratios and its 95 % interval."""
    logs = np.log(np.array(ours) / np.array(theirs))
    half = stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs))
    return {
        "value": math.exp(logs.mean()),
        "low": math.exp(logs.mean() - half),
        "high": math.exp(logs.mean() + half),
    }


def print_row(row: dict[str, object]) -> None:
    """One network's numbers."""
    speeds, ratios = row["images_per_second"], row["ratios"]
    assert isinstance(speeds, dict)
    assert isinstance(ratios, dict)
    print(f"{row['network']}: {row['images']} images a loop and round, {row['rounds']} rounds")
    for name, speed in speeds.items():
        print(f"  {name:14} {speed:9.0f} images/s")
    for name, ratio in ratios.items():
        print(f"  {name:14} {ratio['value']:9.3f}  [{ratio['low']:.3f}, {ratio['high']:.3f}]")


def speed_table(rows: Sequence[dict[str, object]]) -> list[str]:
    """The lines of the table of images per second."""
    lines = ["| network | ours, images a second | of synthetic data | of a DataLoader loop |", "|---" * 4 + "|"]
    for row in rows:
        speeds, ratios = row["images_per_second"], row["ratios"]
        assert isinstance(speeds, dict)
        assert isinstance(ratios, dict)
        cells = [f"{each['value']:.2f} [{each['low']:.2f}, {each['high']:.2f}]×" for each in ratios.values()]
        lines.append(f"| {row['network']} | {speeds['ours']:,.0f} | {' | '.join(cells)} |")
    return lines


def note(name: str, options: argparse.Namespace) -> str:
    """What a table's numbers were measured with."""
    clock = "Processor time" if options.clock == "cpu" else "Wall time"
    what = f"{clock}, n = {options.rounds} rounds, {options.workers} workers"
    if name == "training race":
        what = f"n = {options.seeds} seeds, {options.count or 54_000:,} train and 6,000 validation images"
    return f"{what}, {options.threads} {'thread' if options.threads == 1 else 'threads'}. Host: {host_name()}."


def ours(network: nn.Module, shape: tuple[int, ...], device: torch.device) -> Loop:
    """This project's loop."""
    model = copy.deepcopy(network).to(device)
    loops.set_memory_layout(model, channels_last=True)
    optimizer = optimizers.make_optimizer("adamw", model, 1e-3, momentum=0.9, weight_decay=1e-4)
    pixels, targets = (torch.from_numpy(each).to(device) for each in examples(shape))
    augment = compose([Crop(padding=PADDING), Flip()])

    def loop(images: int) -> None:
        with loops.seeded(0, 1, device) as generator:
            order = loops.shuffled_batches(len(pixels), BATCH, generator)
            loops.train_epoch(
                model,
                loops.BatchSource(pixels, targets, normalize, augment, generator),
                (order * math.ceil(images / len(pixels)))[: images // BATCH],
                optimizer,
                objective=losses.supervised(),
                rate=lambda step: rate_schedules.RateSchedule("cosine").at(1e-3, step * BATCH / images),
            )

    return loop


def bare(network: nn.Module, shape: tuple[int, ...], device: torch.device) -> Loop:
    """The same steps on one ready batch: no shuffling, no augmentation, no normalization."""
    model = copy.deepcopy(network).to(device)
    loops.set_memory_layout(model, channels_last=True)
    optimizer = optimizers.make_optimizer("adamw", model, 1e-3, momentum=0.9, weight_decay=1e-4)
    pixels, targets = (torch.from_numpy(each[:BATCH]).to(device) for each in examples(shape))
    inputs = normalize(pixels)

    def loop(images: int) -> None:
        model.train()
        for _ in range(images // BATCH):
            loss = nn.functional.cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return loop


def loader(network: nn.Module, shape: tuple[int, ...], device: torch.device, workers: int) -> Loop:
    """The loop that tutorials write, with PyTorch's defaults."""
    model = copy.deepcopy(network).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
    pixels, targets = examples(shape)

    def loop(images: int) -> None:
        model.train()
        data = Pictures(pixels, targets, images)
        for inputs, classes in DataLoader(data, BATCH, shuffle=True, num_workers=workers):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs.to(device)), classes.to(device))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return loop


def examples(shape: tuple[int, ...], count: int = 16 * BATCH) -> tuple[np.ndarray, np.ndarray]:
    """Random uint8 pixels (count, channels, height, width) and classes."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (count, *shape), np.uint8), generator.integers(0, 10, count, np.int64)


if __name__ == "__main__":
    main()
