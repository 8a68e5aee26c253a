"""Contests: what the algorithms search through, as recipes, and in which order they run."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from tasks.data.readers import Request, idx

SEARCHES = tuple(product(("grid", "random", "tpe", "nsga2"), ("none", "asha")))
"""(algorithm, scheduler)."""
DIGITS = "digits"
IMAGES = 12_500
"""Of Fashion-MNIST: 10,000 train, 2,000 validate, and 500 are the test split that a data set must have."""


@dataclass(frozen=True)
class Contest:
    """Data, a network and the values of its training that are tried: 54 points."""

    name: str
    source: str
    split: Mapping[str, float]
    network: Mapping[str, Any]
    batch_sizes: tuple[int, ...]


def contest_of(data: str, folder: Path) -> Contest:
    """The contest on `digits`, or on the Fashion-MNIST of a folder, whose cut is kept in `folder`."""
    if data == DIGITS:
        network = {"factory": "tasks.architectures:convnet", "arguments": {"width": 16, "depth": 2}}
        return Contest(DIGITS, "sklearn:digits", {"validation": 0.2, "test": 0.2}, network, (32, 64, 128))
    file = folder / f"{IMAGES}.npz"
    if not file.exists():
        cut(Path(data), file)
    network = {"factory": "tasks.architectures:mlp", "arguments": {"width": 256, "depth": 2}}
    return Contest("fashion-mnist", str(file), {"validation": 0.16, "test": 0.04}, network, (64, 128, 256))


def cut(source: Path, target: Path) -> None:
    """The first training images of a folder of IDX files, as one archive."""
    train = idx.read_idx(Request(str(source))).train
    folder = target.with_name(f"new-{target.name}")
    np.savez(folder, images=train.inputs[:IMAGES], labels=train.targets[:IMAGES])
    folder.replace(target)


def recipe_of(
    contest: Contest, seed: int, algorithm: str, scheduler: str, *, epochs: int, trials: int | None, workers: int
) -> Recipe:
    """One search; without `trials` it has as many as the space has points."""
    space: dict[str, dict[str, list[float]]] = {
        "train.learning_rate": {"choice": [3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1]},
        "train.weight_decay": {"choice": [1e-4, 1e-2, 1e-1]},
        "train.batch_size": {"choice": [*contest.batch_sizes]},
    }
    points = int(np.prod([len(domain["choice"]) for domain in space.values()]))
    return validate_recipe(
        {
            "name": f"search-{contest.name}",
            "data": {"source": contest.source, "split": {**contest.split, "seed": seed}},
            "preprocess": [{"step": "normalize"}],
            "model": dict(contest.network),
            "train": {"epochs": epochs, "seed": seed, "early_stopping": None},
            "search": {
                "algorithm": algorithm,
                "scheduler": scheduler,
                "trials": trials or points,
                "seed": seed,
                "concurrency": workers,
                "space": space,
            },
            "goal": {"metric": "accuracy"},
        }
    )


def order(seeds: int) -> list[tuple[int, str, str]]:
    """(seed, algorithm, scheduler) of every search, seed by seed, the searches of each shuffled in a way of its own."""
    return [(seed, *search) for seed in range(seeds) for search in random.Random(seed).sample(SEARCHES, len(SEARCHES))]
