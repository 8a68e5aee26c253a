"""Wrong calibration data: each kind in a real file, the one message that answers it, and a store left alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from flows.cli.app import main

UNIT = "data.calibration: calibration data must lie in the ranges of the training data (same unit, not normalized)"


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """Natural enough pictures: light that differs between them, and noise. uint8 (count, 8, 8, 3)."""
    generator = np.random.default_rng(seed)
    light = generator.uniform(40, 160, size=(count, 1, 1, 3))
    return np.clip(light + generator.normal(0, 40, size=(count, 8, 8, 3)), 0, 255).astype(np.uint8)


def labels(count: int) -> np.ndarray:
    return np.arange(count) % 4


def people(count: int, seed: int = 0) -> list[str]:
    """Lines of a table: age, city, label."""
    generator = np.random.default_rng(seed)
    ages, cities = generator.integers(18, 80, count), generator.choice(["Bonn", "Rome", "Oslo"], count)
    return [f"{age},{city},{'yes' if age > 50 else 'no'}" for age, city in zip(ages, cities, strict=True)]


def save(pixels: np.ndarray, targets: np.ndarray | None = None) -> Callable[[], object]:
    """Writes cal.npz."""
    return lambda: np.savez("cal.npz", x=pixels, y=labels(len(pixels)) if targets is None else targets)


def lines(*rows: str, header: str = "age,city,label") -> Callable[[], object]:
    """Writes cal.csv."""
    return lambda: Path("cal.csv").write_text("\n".join((header, *rows)) + "\n")


def poisoned(value: float) -> np.ndarray:
    pixels = pictures(40).astype(np.float32) / 255
    pixels[7, 3, 3, 1] = value
    return pixels


@dataclass(frozen=True)
class Row:
    """A calibration file, which training data it goes with, and what is said."""

    says: str
    make: Callable[[], object]
    train: str = "bytes.npz"
    calibration: str = "cal.npz"


ROWS = {
    "zeros": Row(
        "data.calibration: calibration examples must differ, but all 40 are zeros",
        save(np.zeros((40, 8, 8, 3), np.uint8)),
    ),
    "all the same": Row(
        "data.calibration: calibration examples must differ, but all 40 are the same",
        save(np.repeat(pictures(1), 40, axis=0)),
    ),
    "one class": Row(
        "data.calibration: calibration examples must show more than one class, but all 40 are '3'",
        save(pictures(40), np.full(40, 3)),
    ),
    "divided by 255, whole numbers": Row(
        f"{UNIT}, but the mean of channel 0 over an image is 0 to 0.0312, and in training 51.9 to 156",
        save(pictures(40, 1) // 255 + np.eye(40, 8 * 8 * 3, dtype=np.uint8).reshape(40, 8, 8, 3)),
    ),
    "pixels where training has unit floats": Row(
        f"{UNIT}, but the mean of channel 0 over an image is 44.4 to 156, and in training 0.204 to 0.613",
        save(pictures(40, 1).astype(np.float32) + 0.5),
        train="floats.npz",
    ),
    "normalized where training has unit floats": Row(
        f"{UNIT}, but the mean of channel 0 over an image is -1.26 to 0.689, and in training 0.204 to 0.613",
        save(((pictures(40, 1) / 255 - 0.456) / 0.225).astype(np.float32)),
        train="floats.npz",
    ),
    "divided by 255 where training has bytes": Row(
        "data.calibration: must hold examples of the same form as data.source, but got 'float32 (8, 8, 3)'; nearest "
        "valid choice: uint8 (8, 8, 3)",
        save((pictures(40, 1) / 255).astype(np.float32)),
    ),
    "not a number": Row(
        "data.calibration: inputs must be finite in float32 in cal.npz, but 1 of 40 rows break this, the first is row "
        "7, counted from 0 (data.on_bad: skip leaves them out)",
        save(poisoned(np.nan)),
        train="floats.npz",
    ),
    "infinite": Row(
        "data.calibration: inputs must be finite in float32 in cal.npz, but 1 of 40 rows break this, the first is row "
        "7, counted from 0 (data.on_bad: skip leaves them out)",
        save(poisoned(np.inf)),
        train="floats.npz",
    ),
    "another shape": Row(
        "data.calibration: must hold examples of the same form as data.source, but got 'uint8 (9, 9, 3)'; nearest "
        "valid choice: uint8 (8, 8, 3)",
        save(np.random.default_rng(0).integers(0, 256, (40, 9, 9, 3))),
    ),
    "empty": Row(
        "data.calibration: inputs of cal.npz must be numbers of shape (count, height, width[, channels]) or (count, "
        "features), but got 'uint8 (0, 8, 8, 3)'",
        save(pictures(0)),
    ),
    "a table for images": Row(
        "data.calibration: must be one undivided set of images, but got 'cal.npz'",
        save(np.random.default_rng(0).normal(size=(40, 5))),
    ),
    "class unknown": Row(
        "data.calibration: classes of the calibration part must be among those of train, but got '9'; nearest valid "
        "choice: 0, 1, 2, 3",
        save(pictures(40), np.full(40, 9)),
    ),
    "absent": Row(
        "data.calibration: must be a file or folder that exists, but got 'kal.npz'; nearest valid choice: cal.npz",
        save(pictures(40)),
        calibration="kal.npz",
    ),
    "column missing": Row(
        "data.calibration: cal.csv must have the column 'city', as the training data have; nearest valid choice: age",
        lines(*("30,yes", "60,no"), header="age,label"),
        train="people.csv",
        calibration="cal.csv",
    ),
    "column standardized": Row(
        f"{UNIT}, but column 'age' is -1.51 to 1.4, and in training 20.9 to 76",
        lines(*(f"{(int(row.split(',')[0]) - 50) / 18:.1f},{row.split(',', 1)[1]}" for row in people(40, 1))),
        train="people.csv",
        calibration="cal.csv",
    ),
    "column empty": Row(
        "data.calibration: calibration data must have values where training has, but column 'age' is empty",
        lines(*(f",{row.split(',', 1)[1]}" for row in people(40, 1))),
        train="people.csv",
        calibration="cal.csv",
    ),
    "categories in another language": Row(
        "data.calibration: column 'city' of cal.csv must hold values that training knows (25 of 25 are new), but got "
        "'Rom'; nearest valid choice: Rome",
        lines(*(row.replace("Rome", "Rom") for row in people(80, 1) if "Rome" in row)),
        train="people.csv",
        calibration="cal.csv",
    ),
    "rows all the same": Row(
        "data.calibration: calibration examples must differ, but all 40 are the same",
        lines(*["30,Rome,no"] * 40),
        train="people.csv",
        calibration="cal.csv",
    ),
    "no rows": Row(
        "data.calibration: cal.csv must hold at least one row and one input column",
        lines(),
        train="people.csv",
        calibration="cal.csv",
    ),
}
HONEST = {
    "bytes": Row("", save(pictures(32, 5))),
    "unit floats": Row("", save((pictures(32, 5) / 255).astype(np.float32)), train="floats.npz"),
    "rows": Row("", lines(*people(32, 5)), train="people.csv", calibration="cal.csv"),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with good training data, and what another run left in the store."""
    environment = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PAREDOWN_HOME", str(tmp_path / "home"))
    np.savez("bytes.npz", x=pictures(200), y=labels(200))
    np.savez("floats.npz", x=(pictures(200) / 255).astype(np.float32), y=labels(200))
    Path("people.csv").write_text("\n".join(["age,city,label", *people(200)]) + "\n")
    Path("home/store/ab").mkdir(parents=True)
    Path("home/store/ab/abcd").write_text("as it was")
    yield tmp_path
    os.environ.clear()
    os.environ.update(environment)


def answer(capsys: pytest.CaptureFixture[str], row: Row) -> tuple[Any, str, str]:
    """Exit code, standard output and standard error of `paredown plan`."""
    row.make()
    target = {"target": "label"} if row.train.endswith("csv") else {}
    data = {"source": row.train, "calibration": row.calibration, **target}
    Path("a.yaml").write_text(yaml.safe_dump({"name": "good", "data": data}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["paredown", "plan", "a.yaml"])
        with pytest.raises(SystemExit) as ended:
            main()
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, ROWS[name]) == (2, "", f"paredown: a.yaml: {ROWS[name].says}\n")
    stored = [file for file in Path("home/store").rglob("*") if file.is_file()]
    assert [file.read_text() for file in stored] == ["as it was"]


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_sample_is_believed(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = answer(capsys, HONEST[name])
    assert (code, err) == (0, "")
    assert "32 calibration" in out
