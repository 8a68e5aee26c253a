"""Calibration: a dataset's calibration split against its train split."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import datasets

from tasks.core import Dataset, InputError, Split, Store
from tasks.data import calibration, ingestion
from tasks.data.data_spec import DataSpec, SplitSpec


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def check(dataset: Dataset, store: Store) -> None:
    """Compares a dataset's calibration split with its train split."""
    get = store.get_frame if dataset.kind == "table" else store.get_array
    parts = (dataset.splits[name] for name in ("train", "calibration"))
    train, own = ((get(part.inputs), store.get_array(part.targets)) for part in parts)
    calibration.compare_to_train(*train, *own, dataset.columns, dataset.classes)


def pictures(store: Store, pixels: np.ndarray, targets: np.ndarray | None = None) -> Dataset:
    """Bright quarters for training, and `pixels` for calibration."""
    splits = {name: datasets.squares(200, seed) for seed, name in enumerate(("train", "validation", "test"))}
    dataset = datasets.picture_set(store, {**splits, "calibration": pixels})
    if targets is not None:
        parts = {**dataset.splits}
        parts["calibration"] = dataclasses.replace(parts["calibration"], targets=store.put_array(targets))
        dataset = dataclasses.replace(dataset, splits=parts)
    return dataset


def test_an_honest_sample_passes(store: Store) -> None:
    for seed in range(10, 20):
        check(pictures(store, datasets.squares(32, seed)), store)
    check(datasets.prepared_squares(store).dataset, store)


@pytest.mark.parametrize("source", ["sklearn:digits", "sklearn:iris", "sklearn:breast_cancer", "sklearn:diabetes"])
@pytest.mark.parametrize("count", [1, 8, 32])
def test_what_ingestion_draws_passes(source: str, count: int, store: Store) -> None:
    for seed in range(3):
        spec = DataSpec(source=source, split=SplitSpec(calibration=count, seed=seed))
        check(datasets.ingested(spec, store), store)


SQUARES = datasets.squares(40, 9)
BAD: dict[str, tuple[np.ndarray, str]] = {
    "zeros": (np.zeros_like(SQUARES), "all 40 are zeros"),
    "the same": (np.repeat(SQUARES[:1], 40, axis=0), "all 40 are the same"),
    "in another unit": (SQUARES // 50, "the mean of channel 0 over an image is 1.2"),
    "inverted and faint": ((255 - SQUARES // 60).astype(np.uint8), "the mean of channel 0 over an image is 25"),
}


@pytest.mark.parametrize("name", BAD)
def test_pixels_are_not_believed(name: str, store: Store) -> None:
    pixels, words = BAD[name]
    with pytest.raises(InputError, match=words) as said:
        check(pictures(store, pixels), store)
    assert said.value.path == "data.calibration"


def test_pixels_that_are_no_numbers(store: Store) -> None:
    pixels = SQUARES.astype(np.float32)
    pixels[3, 1, 1, 0] = np.nan
    with pytest.raises(InputError, match="must be finite numbers"):
        check(pictures(store, pixels), store)


def test_one_class_is_refused_where_chance_does_not_explain_it(store: Store) -> None:
    """Four classes of equal share: ten of one class are a case in 262,144, eleven one in a million."""
    with pytest.raises(InputError, match="all 11 are 'class 2'"):
        check(pictures(store, SQUARES[:11], np.full(11, 2)), store)
    check(pictures(store, SQUARES[:10], np.full(10, 2)), store)


def test_no_examples(store: Store) -> None:
    with pytest.raises(InputError, match="there are none"):
        check(pictures(store, SQUARES[:0]), store)


def people(change: Callable[[pd.DataFrame], pd.DataFrame], store: Store) -> Dataset:
    """Age and town for training, changed for calibration."""
    generator = np.random.default_rng(0)

    def draw(count: int) -> pd.DataFrame:
        age = generator.uniform(18, 80, count).astype("float32")
        age[::4] = np.nan
        return pd.DataFrame({"age": age, "town": generator.choice(["Bonn", "Rome"], count)})

    parts = {name: draw(200) for name in ("train", "validation", "test")}
    splits = {**parts, "calibration": change(draw(40))}
    dataset: Dataset = datasets.table_set(
        store, {name: (frame, np.arange(len(frame), dtype="float32")) for name, frame in splits.items()}
    )
    return dataset


TABLES: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "months": (lambda frame: frame.assign(age=frame.age * 12), "column 'age' is .*, and in training"),
    "standardized": (lambda frame: frame.assign(age=(frame.age - 49) / 18), "column 'age' is .*, and in training"),
    "nothing in a column": (lambda frame: frame.assign(age=np.float32(np.nan)), "column 'age' is empty"),
    "no text in a column": (lambda frame: frame.assign(town=""), "column 'town' is empty"),
    "other towns": (lambda frame: frame.assign(town="Oslo"), "categories of training in column 'town'"),
}


@pytest.mark.parametrize("name", TABLES)
def test_columns_are_not_believed(name: str, store: Store) -> None:
    change, words = TABLES[name]
    with pytest.raises(InputError, match=words):
        check(people(change, store), store)


def test_an_honest_table_passes(store: Store) -> None:
    check(people(lambda frame: frame, store), store)


def test_own_calibration_data_are_read_and_sampled(tmp_path: Path, store: Store) -> None:
    squares = datasets.squares(300, 1)
    np.savez(tmp_path / "train.npz", x=squares, y=np.arange(300) % 4)
    np.savez(tmp_path / "own.npz", x=datasets.squares(100, 2), y=np.arange(100) % 4)
    spec = DataSpec(source=str(tmp_path / "train.npz"), calibration=str(tmp_path / "own.npz"))
    dataset = datasets.ingested(spec, store)
    assert dataset.splits["calibration"].count == 100
    own = store.get_array(dataset.splits["calibration"].inputs)
    assert np.array_equal(own, datasets.squares(100, 2))
    few = spec.model_copy(update={"split": SplitSpec(calibration=40)})
    part: Split = datasets.ingested(few, store).splits["calibration"]
    assert part.count == 40
    assert np.bincount(store.get_array(part.targets)).tolist() == [10] * 4
    assert ingestion.source_stamp(spec) != ingestion.source_stamp(spec.model_copy(update={"calibration": None}))
