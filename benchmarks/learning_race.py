"""Time to a validation accuracy on Fashion-MNIST: this project's training beside a plain PyTorch loop.

All contenders have the same network, split and validation after each epoch. `plain` is the loop that tutorials write,
with a DataLoader of two workers; `plain, short` is this loop with SHORT; `same` is this project's training with the
optimizer, schedule, batch and precision of `plain`; `recipe` is this project's training with RECIPE.
"""

from __future__ import annotations

import dataclasses
import math
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from pictures import Pictures, fashion_images, normalize
from scipy import stats
from torch import nn
from torch.utils.data import DataLoader

from tasks.architectures import convnet
from tasks.data.augmentation import AugmentStep, Crop, Flip, compose
from tasks.kernels.training.learning_curve import Epoch
from tasks.training.train import train
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingData

PLAIN = TrainSpec(epochs=8, batch_size=128, learning_rate=5e-3, schedule="one_cycle", early_stopping=None)
"""The settings of `plain` and `same`."""
SHORT: dict[str, Any] = {"epochs": 2, "learning_rate": 1e-2}
"""What `plain, short` changes in them: as few epochs as AdamW needs. One epoch at 0.02 did not reach 90 %."""
RECIPE: dict[str, Any] = {
    "epochs": 1,
    "optimizer": "muon",
    "learning_rate": 0.03,
    "decay": "weights",
    "precision": "auto",
}
"""What `recipe` changes in them; it also has no augmentation. Chosen on splits of other seeds."""
PADDING, WORKERS, HELD = 2, 2, 6000
Clock = Literal["seconds", "cpu"]
"""A field of `Finish`."""


@dataclass(frozen=True)
class Finish:
    """One training of a contender, up to the epoch in which it reached the accuracy."""

    contender: str
    seed: int
    seconds: float
    """Of the wall."""
    cpu: float
    """Seconds of the processor, with the DataLoader's workers."""
    epochs: int
    accuracy: float
    """The best on validation."""
    reached: bool


def race(folder: Path, target: float, seeds: int, count: int | None) -> list[Finish]:
    """Each contender once for every seed, by turns.

    Args:
        folder: Fashion-MNIST as IDX files.
        target: the accuracy at which a training ends.
        seeds: number of splits and initial weights.
        count: how many train examples are used; None: all but those of validation.
    """
    pixels, labels = fashion_images(folder)
    found = []
    for seed in range(seeds):
        order = torch.from_numpy(np.random.default_rng(seed).permutation(len(labels)))
        order = order[: None if count is None else count + HELD]
        chosen, known = pixels[order], labels[order]
        data = TrainingData(chosen[HELD:], known[HELD:], chosen[:HELD], known[:HELD], normalize)
        names = list(CONTENDERS)
        for name in names[seed % len(names) :] + names[: seed % len(names)]:
            found.append(finish(name, data, seed, target))
            print(found[-1], flush=True)
    return found


def finish(name: str, data: TrainingData, seed: int, target: float) -> Finish:
    """One training of a contender."""
    torch.manual_seed(seed)
    network = convnet((1, 28, 28), 10, width=16, depth=3)
    wall, cpu = time.perf_counter(), processor_seconds()
    curve = CONTENDERS[name](network, data, seed, target)
    seconds = time.perf_counter() - wall
    return Finish(name, seed, seconds, processor_seconds() - cpu, len(curve), max(curve), max(curve) >= target)


def processor_seconds() -> float:
    """Seconds of the processor so far, with those of workers that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


Contender = Callable[[nn.Module, TrainingData, int, float], list[float]]
"""Network, data, seed, target → validation accuracies of the epochs until the target is reached."""


def ours(spec: TrainSpec, steps: Sequence[AugmentStep]) -> Contender:
    """This project's training with a spec and an augmentation."""

    def run(network: nn.Module, data: TrainingData, seed: int, target: float) -> list[float]:
        given = dataclasses.replace(data, augment=compose(steps) if steps else None)
        scores: list[float] = []

        def on_epoch(epoch: Epoch) -> bool:
            scores.append(epoch.validation_score)
            return epoch.validation_score >= target

        train(network, given, spec.model_copy(update={"seed": seed}), on_epoch=on_epoch)
        return scores

    return run


def plain(spec: TrainSpec) -> Contender:
    """The loop that tutorials write: PyTorch's AdamW and OneCycleLR, a step after each batch."""
    return partial(train_plainly, spec)


def train_plainly(spec: TrainSpec, network: nn.Module, data: TrainingData, seed: int, target: float) -> list[float]:
    """The contender of `plain`; torch's global state is seeded already."""
    pictures = Pictures(data.inputs.numpy(), data.targets.numpy(), len(data.targets), PADDING)
    loader = DataLoader(pictures, spec.batch_size, shuffle=True, num_workers=WORKERS)
    optimizer = torch.optim.AdamW(network.parameters(), lr=spec.peak, weight_decay=spec.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, spec.peak, epochs=spec.epochs, steps_per_epoch=len(loader), cycle_momentum=False
    )
    scores: list[float] = []
    while len(scores) < spec.epochs and max(scores, default=0.0) < target:
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


CONTENDERS: dict[str, Contender] = {
    "plain": plain(PLAIN),
    "plain, short": plain(PLAIN.model_copy(update=SHORT)),
    "same": ours(PLAIN, [Crop(padding=PADDING), Flip()]),
    "recipe": ours(PLAIN.model_copy(update=RECIPE), []),
}


def ratio(finishes: Sequence[Finish], name: str, clock: Clock) -> tuple[float, float, float, int] | None:
    """The time of `plain` over that of a contender: geometric mean, 95 % interval and number of seeds.

    Only seeds in which both reached the accuracy count; None where there are none. With one seed, no interval (NaN).
    """
    times = {(each.contender, each.seed): getattr(each, clock) for each in finishes if each.reached}
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
        "| training | reached, of seeds | epochs | seconds, of the processor | times as fast as plain "
        "| with less processor time |",
        "|---" * 6 + "|",
    ]
    for name in CONTENDERS:
        own = [each for each in finishes if each.contender == name]
        done = [each for each in own if each.reached]
        epochs, seconds = "–", "–"
        if done:
            epochs = f"{np.median([each.epochs for each in done]):g}"
            seconds = ", ".join(
                f"{np.median(times):.1f}" for times in ([x.seconds for x in done], [x.cpu for x in done])
            )
        times = " | ".join(faster(finishes, name, clock) for clock in get_args(Clock))
        lines.append(f"| {name} | {len(done)} of {len(own)} | {epochs} | {seconds} | {times} |")
    return lines


def faster(finishes: Sequence[Finish], name: str, clock: Clock) -> str:
    """A contender's cell: how many times as fast as `plain` it is."""
    found = ratio(finishes, name, clock)
    if found is None or name == "plain":
        return "–"
    told = f"{found[0]:.2f} [{found[1]:.2f}, {found[2]:.2f}]"
    return told.replace(" [nan, nan]", " (one seed)")
