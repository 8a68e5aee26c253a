"""Optimizers on Fashion-MNIST: each at its own best rate, from the same weights, on the same batches.

    python benchmarks/optimizers.py --data FOLDER [--seeds 5] [--tuned 2] [--epochs 6] [--publish]

FOLDER holds Fashion-MNIST as IDX files; of its training images, each seed draws 10,000 to train, 2,000 to validate and
8,000 to test. All train the same convnet of 8 channels from the same weights of the seed, in bfloat16. Each optimizer
has four rates: its default times 1, 3, 10 and 30. The rate with the best mean accuracy on validation, over the
first seeds (--tuned), is its own; with it, all seeds are trained and tested. Intervals are Student's t over the seeds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pictures import fashion_images, normalize
from publish import publish
from races import mean_interval

from tasks.architectures import convnet
from tasks.core import Estimate
from tasks.kernels.host.machine import host_name
from tasks.kernels.training import loops
from tasks.training.train import train
from tasks.training.train_spec import RATES, Optimizer, TrainSpec
from tasks.training.training_data import TrainingData

FACTORS = (1.0, 3.0, 10.0, 30.0)
"""The rates of each optimizer, as multiples of its default."""
TRAIN, VALIDATION, TEST = 10_000, 2_000, 8_000


@dataclass(frozen=True)
class Trial:
    """One training of an optimizer."""

    optimizer: Optimizer
    factor: float
    """Its rate over the optimizer's default."""
    seed: int
    validation: float
    """Accuracy of the best epoch."""
    test: float
    """Accuracy with the weights of that epoch."""
    seconds: float
    """Of the processor."""


def main() -> None:
    """Trains, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with Fashion-MNIST as IDX files")
    parser.add_argument("--seeds", type=int, default=5, help="at least 2")
    parser.add_argument("--tuned", type=int, default=2, help="number of seeds that choose the rates")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--publish", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pixels, labels = fashion_images(options.data)
    trials: list[Trial] = []
    for seed in range(options.seeds):
        for name in RATES:
            own = [each for each in trials if each.optimizer == name]
            factors = FACTORS if seed < options.tuned else [best_factor(own, options.tuned)]
            for factor in factors:
                trials.append(measure(name, factor, seed, options.epochs, pixels, labels))
                print(trials[-1], flush=True)
    lines = table(trials, options.tuned)
    note = (
        f"n = {options.seeds} seeds, {options.epochs} epochs, rates chosen on {options.tuned} seeds; one thread, "
        f"seconds of the processor. Host: {host_name()}."
    )
    print("\n".join([*lines, "", note]))
    if options.publish:
        publish("optimizers", [*lines, "", note])


def measure(
    name: Optimizer, factor: float, seed: int, epochs: int, pixels: torch.Tensor, labels: torch.Tensor
) -> Trial:
    """One training. `pixels` are uint8 (count, 1, 28, 28), `labels` class indices (count,)."""
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(labels)))
    train_rows, validation, test = torch.split(order[: TRAIN + VALIDATION + TEST], [TRAIN, VALIDATION, TEST])
    data = TrainingData(pixels[train_rows], labels[train_rows], pixels[validation], labels[validation], normalize)
    torch.manual_seed(seed)
    network = convnet((1, 28, 28), 10, width=8, depth=2)
    spec = TrainSpec(
        epochs=epochs,
        optimizer=name,
        learning_rate=RATES[name] * factor,
        precision="bfloat16",
        seed=seed,
        early_stopping=None,
    )
    start = time.process_time()
    found = train(network, data, spec)
    seconds = time.process_time() - start
    best = next(each for each in found.curve if each.number == found.best_epoch)
    right = loops.predict_all(network, pixels[test], normalize).argmax(1) == labels[test]
    return Trial(name, factor, seed, best.validation_score, float(right.float().mean()), seconds)


def best_factor(trials: Sequence[Trial], tuned: int) -> float:
    """The factor of one optimizer that is best on validation over the first seeds; the least of equals."""
    means = validation_means(trials, tuned)
    return max(FACTORS, key=lambda factor: means[factor])


def validation_means(trials: Sequence[Trial], tuned: int) -> dict[float, float]:
    """The mean accuracy on validation over the first seeds, by the factor of the rate."""
    return {
        factor: statistics.fmean(each.validation for each in trials if each.factor == factor and each.seed < tuned)
        for factor in FACTORS
    }


def table(trials: Sequence[Trial], tuned: int) -> list[str]:
    """A row for each optimizer: its rate, accuracy on test, paired difference to adamw, and time."""
    lines = [
        "| optimizer | its rate | accuracy on test | against adamw, paired | validation at 1, 3, 10, 30 × its default "
        "| seconds |",
        "|---" * 6 + "|",
    ]
    own = {name: [each for each in trials if each.optimizer == name] for name in RATES}
    chosen = {
        name: {each.seed: each for each in runs if each.factor == best_factor(runs, tuned)}
        for name, runs in own.items()
    }
    for name, runs in chosen.items():
        rate, gain = RATES[name] * next(iter(runs.values())).factor, "–"
        if name != "adamw":
            gain = told(mean_interval([runs[seed].test - chosen["adamw"][seed].test for seed in runs]), "+.4f")
        score = told(mean_interval([each.test for each in runs.values()]), ".4f")
        swept = ", ".join(f"{mean:.3f}" for mean in validation_means(own[name], tuned).values())
        seconds = statistics.median(each.seconds for each in runs.values())
        lines.append(f"| {name} | {rate:.2g}{edge(runs)} | {score} | {gain} | {swept} | {seconds:.1f} |")
    return lines


def told(found: Estimate, digits: str) -> str:
    """A mean with its interval."""
    return f"{found.value:{digits}} [{found.low:{digits}}, {found.high:{digits}}]"


def edge(runs: Mapping[int, Trial]) -> str:
    """A sign where the rate is the least or the highest that was tried."""
    factor = next(iter(runs.values())).factor
    return {FACTORS[0]: " (the least tried)", FACTORS[-1]: " (the highest tried)"}.get(factor, "")


if __name__ == "__main__":
    main()
