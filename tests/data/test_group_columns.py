"""Group columns: which columns form groups, under which names, and what is kept of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support import encoded_images
from support.bad_data import folder
from support.datasets import ingested

from tasks.core import InputError, Store, cache_key
from tasks.data.data_spec import DataSpec
from tasks.data.readers.examples import Request
from tasks.data.readers.group_columns import groups_in

ROWS = 120


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def source(tmp_path: Path) -> str:
    numbers = np.arange(ROWS)
    frame = pd.DataFrame({"x": numbers * 1.5, "sex": np.array(["F", "M", ""])[numbers % 3], "clinic": numbers % 12})
    frame.assign(age=numbers, y=np.array(["no", "yes"])[numbers % 2]).to_csv(tmp_path / "rows.csv", index=False)
    return str(tmp_path / "rows.csv")


def named(series: pd.Series) -> list[str]:
    found = groups_in(pd.DataFrame({"c": series}), Request("rows", groups=("c",)))
    assert found is not None
    return found["c"].tolist()


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["F", " M", None], ["F", "M", "missing"]),
        ([1.0, 2.0, np.nan], ["1", "2", "missing"]),
        (["1.0", "2", "NA"], ["1", "2", "missing"]),
        (["01", "02", ""], ["01", "02", "missing"]),
        ([True, False, True], ["True", "False", "True"]),
    ],
)
def test_the_names_of_groups(values: list[Any], names: list[str]) -> None:
    assert named(pd.Series(values)) == names


def test_groups_of_every_split_lie_in_the_store(store: Store, source: str) -> None:
    dataset = ingested(DataSpec(source=source, target="y", groups=("sex", "clinic"), drop=("clinic",)), store)
    assert [column.name for column in dataset.columns] == ["x", "sex", "age"], "sex is an input as well"
    frames = {name: store.get_frame(split.groups) for name, split in dataset.splits.items()}
    for name, split in dataset.splits.items():
        inputs = store.get_frame(split.inputs)
        ages = inputs["age"].astype(int)
        assert frames[name]["sex"].tolist() == [["F", "M", "missing"][age % 3] for age in ages]
        assert frames[name]["clinic"].tolist() == [str(age % 12) for age in ages]
    assert list(frames["test"]["clinic"].cat.categories) == [str(number) for number in range(12)], (
        "by value, all of them"
    )
    assert {split.groups for split in dataset.splits.values()} <= set(cache_key.references(dataset))


def test_groups_change_neither_fingerprint_nor_examples(store: Store, source: str) -> None:
    plain = ingested(DataSpec(source=source, target="y"), store)
    judged = ingested(DataSpec(source=source, target="y", groups=("sex",)), store)
    assert plain.fingerprint == judged.fingerprint
    assert all(split.groups == "" for split in plain.splits.values())
    bare = {name: dataclasses.replace(split, groups="") for name, split in judged.splits.items()}
    assert bare == plain.splits


def test_a_calibration_file_of_its_own_needs_no_groups(store: Store, source: str, tmp_path: Path) -> None:
    whole = pd.read_csv(source)
    whole.drop(columns="clinic").head(80).to_csv(tmp_path / "own.csv", index=False)
    spec = DataSpec(
        source=source, target="y", groups=("clinic",), drop=("clinic",), calibration=str(tmp_path / "own.csv")
    )
    dataset = ingested(spec, store)
    assert dataset.splits["calibration"].groups == ""
    with pytest.raises(InputError, match=r"data\.groups: must name a column of .*own\.csv"):
        ingested(spec.model_copy(update={"calibration": None, "test": str(tmp_path / "own.csv")}), store)


def test_columns_beside_encoded_images_and_arrays(store: Store, tmp_path: Path) -> None:
    pictures = [encoded_images.encoded(Image.fromarray(np.full((4, 4), shade, np.uint8))) for shade in range(0, 120, 4)]
    labels, clinics = ["a", "b"] * 15, np.arange(30) // 10
    frame = pd.DataFrame({"image": pictures, "label": labels, "clinic": clinics})
    frame.to_parquet(tmp_path / "p.parquet")
    dataset = ingested(DataSpec(source=str(tmp_path / "p.parquet"), target="label", groups=("clinic",)), store)
    pixels = store.get_array(dataset.splits["test"].inputs)[:, 0, 0, 0]
    assert store.get_frame(dataset.splits["test"].groups)["clinic"].tolist() == [str(shade // 40) for shade in pixels]
    inputs = np.arange(60, dtype=np.float64).reshape(30, 2)
    inputs[3, 1] = np.nan
    np.savez(tmp_path / "a.npz", x=inputs, y=np.arange(30) % 2, clinic=clinics)
    dataset = ingested(DataSpec(source=str(tmp_path / "a.npz"), groups=("clinic",), on_bad="skip"), store)
    rows = store.get_array(dataset.splits["test"].inputs)[:, 0] // 2
    assert store.get_frame(dataset.splits["test"].groups)["clinic"].tolist() == [str(int(row) // 10) for row in rows]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (("sx",), "data.groups: must name a column of rows.csv, but got 'sx'; nearest valid choice: sex"),
        (
            ("y",),
            "data.groups: must name other columns than the target, whose classes goal.metric looks at, but got 'y'",
        ),
        (
            ("age",),
            "data.groups: must name columns of at most 20 different values, but 'age' of rows.csv has 120 (put its "
            "values into ranges or larger groups, in a column of its own)",
        ),
        (
            ("x",),
            "data.groups: must name columns of text or whole numbers, but 'x' of rows.csv has 1.5 (put its values into "
            "ranges or larger groups, in a column of its own)",
        ),
    ],
)
def test_wrong_columns_are_one_sentence(
    groups: tuple[str, ...], message: str, store: Store, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(source).parent)
    with pytest.raises(InputError) as found:
        ingested(DataSpec(source="rows.csv", target="y", groups=groups), store)
    assert str(found.value) == message


def test_sources_without_columns(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError) as found:
        ingested(DataSpec(source=folder(tmp_path), groups=("sex",)), store)
    assert str(found.value) == "data.groups: a folder of images has no columns, but got 'sex'"
    np.savez(tmp_path / "a.npz", x=np.zeros((30, 2)), y=np.arange(30) % 2, clinic=np.zeros(29))
    with pytest.raises(InputError, match=r"one value for each of the 30 examples, but got 'clinic \(29,\)'"):
        ingested(DataSpec(source=str(tmp_path / "a.npz"), groups=("clinic",)), store)
