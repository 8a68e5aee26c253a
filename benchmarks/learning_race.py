"""Time to a validation accuracy on Fashion-MNIST: this project's training beside a plain PyTorch loop.

All contenders have the same network, split and validation after each epoch. `plain` is the loop that tutorials write,
with a DataLoader of two workers; `same` is this project's training with its optimizer, schedule, batch and precision;
`recipe` is this project's training with RECIPE.
"""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pictures import Pictures, fashion_images, normalize
from scipy import stats
from torch import nn
from torch.utils.data import DataLoader

from tasks.architectures import convnet
from tasks.data.augmentation import Crop, Flip, compose
from tasks.training.train import train
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingData

PLAIN = TrainSpec(epochs=8, batch_size=128, learning_rate=5e-3, schedule="one_cycle", early_stopping=None)
"""The settings of `plain` and `same`."""
RECIPE: dict[str, Any] = {
    "epochs": 4,
    "learning_rate": 1e-2,
    "weight_decay": 1e-2,
    "decay": "weights",
    "precision": "auto",
    "progressive_resizing": 0.5,
}
"""What `recipe` changes in them; it also has no crop, only the flip."""
PADDING, WORKERS, HELD = 2, 2, 6000


@dataclass(frozen=True)
class Finish:
    """One training of a contender, up to the epoch in which it reached the accuracy."""

    contender: str
    seed: int
    seconds: float
    """Of the wall, or of the processor with the DataLoader's workers."""
    epochs: int
    accuracy: float
    """The best on validation."""
    reached: bool


def race(folder: Path, target: float, seeds: int, clock: str, count: int | None) -> list[Finish]:
    """Each contender once for every seed, by turns.

    Args:
        folder: Fashion-MNIST as IDX files.
        target: the accuracy at which a training ends.
        seeds: number of splits and initial weights.
        clock: `wall` or `cpu`.
        count: how many train examples are used; None: all but those of validation.
    """
    pixels, labels = fashion_images(folder)
    contenders = {"plain": plain, "same": ours(PLAIN, PADDING), "recipe": ours(PLAIN.model_copy(update=RECIPE), 0)}
    found = []
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(labels))[: None if count is None else count + HELD]
        given = [each[torch.from_numpy(order)] for each in (pixels, labels)]
        data = TrainingData(given[0][HELD:], given[1][HELD:], given[0][:HELD], given[1][:HELD], normalize)
        names = list(contenders)
        for name in names[seed % 3 :] + names[: seed % 3]:
            torch.manual_seed(seed)
            network = convnet((1, 28, 28), 10, width=16, depth=3)
            start = now(clock)
            curve = contenders[name](network, data, seed, target)
            reached = max(curve) >= target
            found.append(Finish(name, seed, now(clock) - start, len(curve), max(curve), reached))
            print(
                f"{name:7} seed {seed}: {found[-1].seconds:7.1f} s, {len(curve)} epochs, {max(curve):.4f}", flush=True
            )
    return found


def now(clock: str) -> float:
    """Seconds on the wall, or of the processor, with workers that have ended."""
    if clock == "wall":
        return time.perf_counter()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


Contender = Callable[[nn.Module, TrainingData, int, float], list[float]]
"""Network, data, seed, target → validation accuracies of the epochs until the target is reached."""


def ours(spec: TrainSpec, padding: int) -> Contender:
    """This project's training with a spec."""

    def run(network: nn.Module, data: TrainingData, seed: int, target: float) -> list[float]:
        steps = [*([Crop(padding=padding)] if padding else []), Flip()]
        given = TrainingData(
            *(data.inputs, data.targets, data.validation_inputs, data.validation_targets, normalize), compose(steps)
        )
        scores: list[float] = []

        def on_epoch(epoch: Any) -> bool:
            scores.append(epoch.validation_score)
            return bool(epoch.validation_score >= target)

        train(network, given, spec.model_copy(update={"seed": seed}), on_epoch=on_epoch)
        return scores

    return run


def plain(network: nn.Module, data: TrainingData, seed: int, target: float) -> list[float]:
    """The loop that tutorials write: PyTorch's AdamW and OneCycleLR, a step after each batch."""
    pictures = Pictures(data.inputs.numpy(), data.targets.numpy(), len(data.targets), PADDING)
    loader = DataLoader(pictures, PLAIN.batch_size, shuffle=True, num_workers=WORKERS)
    optimizer = torch.optim.AdamW(network.parameters(), lr=PLAIN.peak, weight_decay=PLAIN.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PLAIN.peak, epochs=PLAIN.epochs, steps_per_epoch=len(loader), cycle_momentum=False
    )
    scores: list[float] = []
    while len(scores) < PLAIN.epochs and max(scores, default=0.0) < target:
        network.train()
        for inputs, classes in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(inputs), classes)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        network.eval()
        with torch.no_grad():
            parts = zip(data.validation_inputs.split(500), data.validation_targets.split(500), strict=True)
            right = sum(int((network(normalize(x)).argmax(1) == y).sum()) for x, y in parts)
        scores.append(right / len(data.validation_targets))
    return scores


def ratio(finishes: Sequence[Finish], name: str) -> tuple[float, float, float, int] | None:
    """The time of `plain` over that of a contender: geometric mean, 95 % interval and number of seeds.

    Only seeds in which both reached the accuracy count; None where there are none. With one seed, no interval (NaN).
    """
    times = {(each.contender, each.seed): each.seconds for each in finishes if each.reached}
    seeds = [seed for each, seed in times if each == name and ("plain", seed) in times]
    if not seeds:
        return None
    logs = np.log([times["plain", seed] / times[name, seed] for seed in seeds])
    half = math.nan
    if len(seeds) > 1:
        half = float(stats.t.ppf(0.975, len(seeds) - 1) * logs.std(ddof=1) / math.sqrt(len(seeds)))
    middle = float(logs.mean())
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half), len(seeds)


def race_table(finishes: Sequence[Finish]) -> list[str]:
    """The lines of the table."""
    lines = [
        "| training | reached, of seeds | seconds (median) | epochs (median) | times as fast as plain |",
        "|---" * 5 + "|",
    ]
    for name in ("plain", "same", "recipe"):
        own = [each for each in finishes if each.contender == name]
        done = [each for each in own if each.reached]
        seconds = f"{np.median([each.seconds for each in done]):.1f}" if done else "–"
        epochs = f"{np.median([each.epochs for each in done]):g}" if done else "–"
        found = ratio(finishes, name)
        times = "–" if found is None or name == "plain" else f"{found[0]:.2f} [{found[1]:.2f}, {found[2]:.2f}]"
        times = times.replace(" [nan, nan]", " (one seed)")
        lines.append(f"| {name} | {len(done)} of {len(own)} | {seconds} | {epochs} | {times} |")
    return lines
