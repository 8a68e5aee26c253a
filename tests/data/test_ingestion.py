"""Ingestion: one manifest for every kind of data, the same each time."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support import runs
from support.bad_data import ROWS, csv, folder
from support.datasets import ingested

from tasks.core import Dataset, InputError, SplitName, Store
from tasks.data.data_spec import DataSpec
from tasks.data.ingestion import source_stamp, train_source_rows


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def counts(dataset: Dataset) -> dict[str, int]:
    return {name: split.count for name, split in dataset.splits.items()}


def test_digits(store: Store) -> None:
    dataset = ingested(DataSpec(source="sklearn:digits"), store)
    assert counts(dataset) == {"train": 1079, "validation": 359, "test": 359, "calibration": 512}
    assert (dataset.kind, dataset.task, dataset.input_shape) == ("images", "classification", (8, 8, 1))
    assert dataset.classes == tuple("0123456789")
    held = {name: store.get_array(split.inputs) for name, split in dataset.splits.items()}
    assert all(array.dtype == np.uint8 for array in held.values())
    assert held["train"].max() == 16
    # every example is in one split: the pixels of all three add up to those of the source
    assert sum(int(held[name].sum()) for name in ("train", "validation", "test")) == 561718
    shares = np.bincount(store.get_array(dataset.splits["calibration"].targets)) / 512
    assert np.abs(shares - 0.1).max() < 0.01


def test_train_examples_are_found_in_their_source(store: Store) -> None:
    from sklearn.datasets import load_digits

    spec = DataSpec(source="sklearn:digits")
    train = ingested(spec, store).splits["train"]
    rows = train_source_rows(spec, runs.context_of(store))
    assert rows is not None
    source = load_digits()
    np.testing.assert_array_equal(source.target[rows], store.get_array(train.targets))
    np.testing.assert_array_equal(source.images[rows], store.get_array(train.inputs)[..., 0])


def test_the_same_data_give_the_same_dataset_wherever_they_lie(tmp_path: Path, store: Store) -> None:
    first = ingested(DataSpec(source=csv(tmp_path), target="left"), store)
    again = ingested(DataSpec(source=csv(tmp_path, name="b.csv"), target="left"), Store(tmp_path / "other" / "store"))
    assert dataclasses.replace(again, source=first.source) == first
    other = ingested(DataSpec(source=first.source, target="left", split={"seed": 1}), store)
    assert other.fingerprint != first.fingerprint


def test_a_table_is_stored_as_exact_numbers_and_text(tmp_path: Path, store: Store) -> None:
    dataset = ingested(DataSpec(source=csv(tmp_path, *ROWS, ",?,yes"), target="left"), store)
    frame = store.get_frame(dataset.splits["train"].inputs)
    assert [(column.name, column.kind) for column in dataset.columns] == [
        ("age", "number"),
        ("job", "category"),
    ]
    assert (dataset.input_dtype, dataset.input_shape, dataset.classes) == ("columns", (2,), ("no", "yes"))
    assert frame["age"].dtype == np.float64
    together = pd.concat([store.get_frame(dataset.splits[name].inputs) for name in ("train", "validation", "test")])
    assert set(together["job"]) == {"a", "b", ""}
    assert together["age"].isna().sum() == 1


@pytest.mark.parametrize(
    ("targets", "task"),
    [
        ([0.5, 1.5] * 10, "regression"),
        ([0.0, 1.0] * 10, "classification"),
        (list(range(20)), "classification"),
        (list(range(21)), "regression"),
        (["1", "x"] * 10, "classification"),
        ([True, False] * 10, "classification"),
    ],
)
def test_the_task_follows_from_the_targets(tmp_path: Path, store: Store, targets: list[Any], task: str) -> None:
    frame = pd.DataFrame({"x": range(3 * len(targets)), "y": targets * 3})
    frame.to_parquet(tmp_path / "a.parquet")
    dataset = ingested(DataSpec(source=str(tmp_path / "a.parquet"), target="y"), store)
    assert dataset.task == task
    kind = np.int64 if task == "classification" else np.float32
    assert store.get_array(dataset.splits["train"].targets).dtype == kind


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_separate_file_is_that_part(tmp_path: Path, store: Store, part: SplitName) -> None:
    own = csv(tmp_path, "no,a,3", "yes,b,4", header="left,job,age", name="own.csv")
    dataset = ingested(DataSpec.model_validate({"source": csv(tmp_path), part: own, "target": "left"}), store)
    assert counts(dataset) == {"train": 16, "validation": 4, "test": 4, "calibration": 16} | {part: 2}
    frame = store.get_frame(dataset.splits[part].inputs)
    assert frame.to_dict("list") == {"age": [3, 4], "job": ["a", "b"]}
    assert store.get_array(dataset.splits[part].targets).tolist() == [0, 1]


def test_time_and_group_columns_cut_and_are_no_inputs(tmp_path: Path, store: Store) -> None:
    source = csv(tmp_path, *(f"{row % 10},{row},{row % 2}" for row in range(40)), header="who,x,y")
    latest = ingested(DataSpec(source=source, target="y", split={"by": "time"}), store)
    assert store.get_frame(latest.splits["test"].inputs)["x"].tolist() == list(range(32, 40))
    group = DataSpec(source=source, target="x", split={"by": "group", "column": "who"})
    dataset = ingested(group, store)
    assert [column.name for column in dataset.columns] == ["y"]
    people = [set(store.get_array(dataset.splits[name].targets) % 10) for name in ("train", "validation", "test")]
    assert [len(part) for part in people] == [6, 2, 2]
    assert len(set.union(*people)) == 10


def test_skip_counts_and_names_what_is_left_out(tmp_path: Path, store: Store) -> None:
    source = csv(tmp_path, *ROWS, "1,a,", "inf,a,no")
    dataset = ingested(DataSpec(source=source, target="left", on_bad="skip"), store)
    assert sum(counts(dataset)[name] for name in ("train", "validation", "test")) == 20
    assert dataset.skipped == (f"{source} row 20", f"{source} row 21")


def test_images_that_do_not_decode_are_skipped_by_name(tmp_path: Path, store: Store) -> None:
    source = folder(tmp_path, "bee/2.png", "ant/7.jpg")
    dataset = ingested(DataSpec(source=source, on_bad="skip", size=8), store)
    assert dataset.skipped == (f"{source}/ant/7.jpg", f"{source}/bee/2.png")
    assert sum(counts(dataset)[name] for name in ("train", "validation", "test")) == 11
    assert dataset.input_shape == (8, 8, 3)


def test_test_images_take_the_shape_of_the_training_images(tmp_path: Path, store: Store) -> None:
    source = folder(tmp_path)
    for label in ("ant", "bee"):
        (tmp_path / "held" / label).mkdir(parents=True)
        Image.new("L", (9, 9), 7).save(tmp_path / "held" / label / "1.png")
    dataset = ingested(DataSpec(source=source, test=str(tmp_path / "held")), store)
    assert store.get_array(dataset.splits["test"].inputs).shape == (2, 64, 64, 3)


def test_other_files_are_read_by_the_types_of_training(tmp_path: Path, store: Store) -> None:
    rows = [f"{code};{row},5;{row % 2 * 1000 + row},25 €" for row, code in enumerate(["01", "02", "U", "12"] * 20)]
    own = [f"{code};{row};7,5" for row, code in enumerate(["01", "02", "12"] * 10)]
    source = csv(tmp_path, *rows, header="code;age;price")
    spec = DataSpec(source=source, test=csv(tmp_path, *own, header="code;age;price", name="t.csv"), target="price")
    dataset = ingested(spec, store)
    assert dataset.task == "regression"
    assert [(column.kind, column.decimal, column.texts) for column in dataset.columns] == [
        ("category", ".", ("01", "02", "12", "U")),
        ("number", ",", ()),
    ]
    frame = store.get_frame(dataset.splits["test"].inputs)
    assert frame["code"].tolist()[:3] == ["01", "02", "12"]
    assert frame["age"].tolist()[:3] == [0, 1, 2]
    assert store.get_array(dataset.splits["test"].targets).tolist() == [7.5] * 30
    profile = store.get_json(dataset.profile)
    assert [each["becomes"] for each in profile["columns"]] == ["one-hot of its 4 categories", "a number"]


def test_how_a_table_is_written_is_not_part_of_its_fingerprint(tmp_path: Path, store: Store) -> None:
    points = ingested(
        DataSpec(source=csv(tmp_path, *[f"{row}.5,a{row % 2},{row % 3}" for row in range(40)]), target="left"), store
    )
    commas = [f"{row},5;a{row % 2};{row % 3}" for row in range(40)]
    source = csv(tmp_path, *commas, header="age;job;left", name="b.csv")
    other = ingested(DataSpec(source=source, target="left", decimal=",", encoding="utf-8"), store)
    assert other.columns[0].decimal == ","
    assert other.text_format.encoding == "utf-8"
    assert other.fingerprint == points.fingerprint


@pytest.mark.parametrize("part", ["validation", "test", "calibration"])
def test_the_stamp_covers_a_file_of_its_own(tmp_path: Path, part: str) -> None:
    spec = DataSpec.model_validate({"source": csv(tmp_path), part: csv(tmp_path, name="own.csv"), "target": "left"})
    before = source_stamp(spec)
    csv(tmp_path, "1,a,no", name="own.csv")
    assert source_stamp(spec) != before


ADULT = (
    "age workclass fnlwgt education education_num marital_status occupation relationship race "
    "sex capital_gain "
    "capital_loss hours_per_week native_country income"
)
BIKE = {
    "target": "cnt",
    "drop": ("casual", "registered", "instant"),
    "split": {"by": "time", "column": "dteday"},
}

REAL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cifar10/lossless_train4000.npz": (
        {"test": "cifar10/lossless_test500.npz"},
        {"input_shape": (32, 32, 3), "outputs": 10},
    ),
    "cifar10/test.parquet": ({"target": "label"}, {"input_shape": (32, 32, 3), "outputs": 10}),
    "hymenoptera": ({}, {"input_shape": (64, 64, 3), "classes": ("ants", "bees")}),
    "adult/adult.data": (
        {"test": "adult/adult.test", "target": "income", "names": tuple(ADULT.split())},
        {"input_shape": (14,), "classes": ("<=50K", ">50K")},
    ),
    "bike_sharing/hour.csv": (BIKE, {"input_shape": (13,), "task": "regression"}),
    "california_housing/housing.csv": (
        {"target": "median_house_value"},
        {"input_shape": (9,), "task": "regression"},
    ),
    "elec2/elec.csv": (
        {"target": "class", "split": {"by": "time"}},
        {"input_shape": (6,), "classes": ("0", "1")},
    ),
}


@pytest.mark.parametrize("name", REAL)
def test_real_data(name: str, store: Store) -> None:
    root = os.environ.get("PAREDOWN_TEST_DATA")
    if not root or not (Path(root) / name).exists():
        pytest.skip(f"PAREDOWN_TEST_DATA is not set, or has no {name}")
    settings, expected = REAL[name]
    settings = {**settings, "source": f"{root}/{name}"}
    if "test" in settings:
        settings["test"] = f"{root}/{settings['test']}"
    dataset = ingested(DataSpec(**settings), store)
    assert {key: getattr(dataset, key) for key in expected} == expected


def dates(tmp_path: Path, ending: str, rows: int = 400) -> str:
    when = pd.date_range("2020-01-01", periods=rows, freq="2D", tz="Europe/Berlin").to_series(index=range(rows))
    frame = pd.DataFrame({"when": when, "born": when.dt.date, "y": [0, 1] * (rows // 2)})
    frame.loc[3, "born"] = None
    path = tmp_path / f"dates.{ending}"
    if ending == "parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.assign(when=when.dt.strftime("%d/%m/%Y %H:%M %z")).to_csv(path, index=False)
    return str(path)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_dates_are_seconds_and_told_by_their_parts(ending: str, tmp_path: Path, store: Store) -> None:
    spec = DataSpec.model_validate({"source": dates(tmp_path, ending), "target": "y"})
    dataset = ingested(spec, store)
    when, born = dataset.columns
    assert [(each.name, each.kind) for each in dataset.columns] == [("when", "date"), ("born", "date")]
    assert when.form == ("%d/%m/%Y" if ending == "csv" else "%Y-%m-%d")
    assert born.parts == ("year", "month", "day", "weekday", "elapsed")
    frame = store.get_frame(dataset.splits["train"].inputs)
    assert frame.dtypes.astype(str).tolist() == ["float64", "float64"]
    assert frame["when"].min() >= pd.Timestamp("2019-12-31T23:00Z").timestamp()
    told = {each["name"]: each for each in store.get_json(dataset.profile)["columns"]}
    assert (told["when"]["from"], told["when"]["to"]) == ("2019-12-31 23:00:00", "2022-03-08 23:00:00")
    assert told["born"]["missing"] == 1
    assert told["born"]["becomes"] == "a date, of which a model gets year, month, day, weekday, elapsed"
    assert {each.name: each.dates for each in dataset.ranges} == {"when": True, "born": True}


def test_dates_of_a_split_by_time_are_an_input_by_the_parts_that_return(tmp_path: Path, store: Store) -> None:
    spec = {"source": dates(tmp_path, "csv"), "target": "y", "split": {"by": "time", "column": "when"}}
    dataset = ingested(DataSpec.model_validate(spec), store)
    assert dataset.columns[0].parts == ("month", "day", "weekday", "hour")
    frames = {name: store.get_frame(split.inputs) for name, split in dataset.splits.items()}
    assert frames["train"]["when"].max() < frames["validation"]["when"].min()
    assert frames["validation"]["when"].max() < frames["test"]["when"].min()
    away = ingested(DataSpec.model_validate({**spec, "drop": ["when"]}), store)
    assert [each.name for each in away.columns] == ["born"]


def test_a_table_with_dates_is_no_matrix(tmp_path: Path, store: Store) -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(60, 70)), columns=[f"x{place}" for place in range(70)])
    frame = frame.assign(day=pd.date_range("2020-01-01", periods=60).strftime("%Y-%m-%d"), y=[0, 1] * 30)
    frame.to_csv(tmp_path / "wide.csv", index=False)
    spec = {"source": str(tmp_path / "wide.csv"), "target": "y"}
    assert not ingested(DataSpec.model_validate(spec), store).is_matrix
    assert ingested(DataSpec.model_validate({**spec, "drop": ["day"]}), store).is_matrix


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_32_bits_would_change_is_centred_by_the_train_split_and_told(
    ending: str, tmp_path: Path, store: Store
) -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "when": 1_700_006_400 + 60 * generator.integers(0, 1440, 200),
            "n": generator.normal(size=200),
            "y": [0, 1] * 100,
        }
    )
    source = tmp_path / f"a.{ending}"
    frame.to_csv(source, index=False) if ending == "csv" else frame.to_parquet(source)
    dataset = ingested(DataSpec(source=str(source), target="y"), store)
    when, n = dataset.columns
    train = store.get_frame(dataset.splits["train"].inputs)
    assert train["when"].dtype == np.int64
    assert (when.center, n.center) == (np.floor(train["when"].median()), None)
    profile = store.get_json(dataset.profile)
    center = f"{when.center:.0f}"
    assert profile["columns"][0]["becomes"] == f"a number, less {center} in 64 bits"
    assert profile["suspicions"] == [
        f"when has numbers that 32 bits would change: it is taken as double and centred by {center}."
    ]
    assert profile["dropped"] == []


def test_an_id_names_the_examples_and_is_no_input(tmp_path: Path, store: Store) -> None:
    rows = [f"C{row},{row % 9}.5,{'yes' if row % 2 else 'no'}" for row in range(60)]
    (tmp_path / "a.csv").write_text("\n".join(["customer,x,y", *rows]) + "\n")
    spec = DataSpec(source=str(tmp_path / "a.csv"), target="y", id="customer")
    dataset = ingested(spec, store)
    assert ([column.name for column in dataset.columns], dataset.id_column) == (["x"], "customer")
    profile = store.get_json(dataset.profile)
    assert [each["name"] for each in profile["columns"]] == ["x"]
    assert profile["reference"]["columns"]["x"]["count"] == dataset.splits["train"].count
    assert [(each.name, each.least, each.most) for each in dataset.ranges] == [("x", 0.5, 8.5)]
    with pytest.raises(InputError, match=r"data\.id: must name a column.*nearest valid choice: customer"):
        ingested(spec.model_copy(update={"id": "custmer"}), store)
    with pytest.raises(InputError, match=r"data\.id: must be another column than the target"):
        ingested(spec.model_copy(update={"id": "y"}), store)


def test_a_test_source_is_looked_at(tmp_path: Path, store: Store) -> None:
    def write(name: str, factor: int, town: str) -> str:
        rows = [f"{factor * (150 + row % 50)},{town if row % 3 else 'Ulm'},{row % 2}" for row in range(60)]
        (tmp_path / name).write_text("\n".join(["height,town,y", *rows]) + "\n")
        return str(tmp_path / name)

    spec = DataSpec(source=write("a.csv", 1, "Bonn"), test=write("b.csv", 10, "Kiel"), target="y", on_bad="stop")
    with pytest.raises(InputError, match=r"data\.test: column 'town' of .* must hold values that training knows"):
        ingested(spec, store)
    profile = store.get_json(ingested(spec.model_copy(update={"test": write("b.csv", 10, "Bonn")}), store).profile)
    assert profile["sources"]["test"]["classes"] == {"0": 30, "1": 30}
    (said,) = profile["sources"]["test"]["suspicions"]
    assert said.startswith("test: height is 1.51e+03 to 1.96e+03 (the middle 90%), and in training 151")
    assert said in profile["suspicions"]
