"""Small data sets in a store, a tiny recipe, and a stand-in for Prefect's cache."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.core import Candidate, Column, Dataset, Prepared, Split, SplitName, Step, Store, Workspace, digest_of
from tasks.data.preprocessing import PreprocessStep, preprocess

if TYPE_CHECKING:
    from flows.recipe.schema import Recipe

CUT: dict[str, Any] = {"step": "channels", "sparsity": 0.5}
REPAIR: dict[str, Any] = {"step": "recover", "epochs": 1}
ORDER: tuple[SplitName, ...] = ("train", "validation", "test", "calibration")


def workspace(home: Path) -> Workspace:
    """Everything under one folder."""
    return Workspace(home, f"sqlite:///{home / 'mlflow.db'}")


def picture_set(store: Store, splits: Mapping[SplitName, np.ndarray], classes: int = 4) -> Dataset:
    """Pixels (count, height, width, channels) for each split → a dataset; targets go round the classes."""
    parts = {
        name: Split(store.put_array(pixels), store.put_array(np.arange(len(pixels)) % classes), len(pixels))
        for name, pixels in splits.items()
    }
    first = next(iter(splits.values()))
    kind: Any = str(first.dtype)
    names = tuple(f"class {index}" for index in range(classes))
    return Dataset("memory", "images", "classification", first.shape[1:], kind, (), names, parts, (), digest_of("x"))


def table_set(
    store: Store, splits: Mapping[SplitName, tuple[pd.DataFrame, Sequence[float] | np.ndarray]], classes: int = 0
) -> Dataset:
    """A frame with its targets for each split → a dataset; without classes it is a regression."""
    parts = {
        name: Split(
            store.put_frame(frame),
            store.put_array(np.asarray(targets, dtype="int64" if classes else "float32")),
            len(frame),
        )
        for name, (frame, targets) in splits.items()
    }
    frame = next(iter(splits.values()))[0]
    columns = tuple(
        Column(str(name), "number" if frame[name].dtype.kind == "f" else "category") for name in frame.columns
    )
    task: Any = "classification" if classes else "regression"
    names = tuple(f"class {index}" for index in range(classes))
    return Dataset("memory", "table", task, (len(columns),), "columns", columns, names, parts, (), digest_of("y"))


def squares(count: int, seed: int = 0) -> np.ndarray:
    """Grey pictures (count, 8, 8, 1): the class of `picture_set` is the quarter that is bright."""
    pixels = np.random.default_rng(seed).integers(0, 120, size=(count, 8, 8, 1))
    for index in range(count):
        row, column = divmod(index % 4, 2)
        pixels[index, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 120
    return pixels.astype(np.uint8)


def prepared_squares(store: Store, steps: tuple[PreprocessStep, ...] = ()) -> Prepared:
    """Bright quarters, prepared."""
    splits = {
        name: squares(count, seed) for seed, (name, count) in enumerate(zip(ORDER, (64, 40, 40, 32), strict=True))
    }
    return preprocess(picture_set(store, splits), steps, store)


def untrained(prepared: Prepared, store: Store, factory: str, **arguments: Any) -> Candidate:
    """A candidate with random weights, as if a file of weights had been adopted."""
    from tasks.models import weight_files
    from tasks.models.factory import build_network

    arguments = {"input_shape": list(prepared.input_shape), "outputs": prepared.dataset.outputs, **arguments}
    content = weight_files.save_network(build_network(factory, arguments), store)
    return weight_files.begin_candidate("baseline", factory, arguments, Step("load", 1, {}, None, None, None), content)


def tiny_recipe(**changes: Any) -> Recipe:
    """Digits, two epochs, two branches with a shared prefix and one that must be refused."""
    from flows.recipe.loading import validate_recipe

    content: dict[str, Any] = {
        "name": "tiny",
        "data": {"source": "sklearn:digits", "split": {"calibration": 64}},
        "model": {"factory": "tasks.architectures:convnet", "arguments": {"width": 16, "depth": 2}},
        "train": {"epochs": 2, "batch_size": 64, "learning_rate": 0.01},
        "compress": {
            "branches": [
                {"name": "narrow", "steps": [CUT, REPAIR]},
                {"name": "narrow-int8", "steps": [CUT, REPAIR, {"step": "int8"}]},
                {"name": "backwards", "steps": [{"step": "int8"}, CUT]},
            ]
        },
        # What so short a run may lose is no matter, and bytes are the same on a busy machine.
        "goal": {"max_drop": 1.0, "minimize": "bytes"},
        "runtime": {"processes": 3},
    }
    return validate_recipe({**content, **changes})


class Remembering:
    """Calls a step as the plain function that it is, and answers the same call again from memory, as the flow's
    cache does."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.worked: list[str] = []
        """Labels of the steps that were worked out."""
        self.remembered: list[str] = []
        self.calls: list[tuple[str, str, Mapping[str, Any]]] = []
        """(label, the step's name, its arguments by name)."""

    def __call__(self, label: str, step: Any, *arguments: Any) -> Any:
        from tasks.core.cache_key import cache_key

        named = inspect.signature(step.fn).bind(*arguments).arguments
        key = cache_key(step.name, named)
        self.calls.append((label, step.name, named))
        (self.remembered if key in self.answers else self.worked).append(label)
        if key not in self.answers:
            self.answers[key] = step.fn(*arguments)
        return self.answers[key]
