"""Wrong data: sources, targets, and what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support.wrong_input import RECIPE, Row, answer, check_optimize, check_plan, photos, table, with_nan, write

ROWS = {
    "key unknown two levels down": Row(
        "a.yaml: data.split.sed: is not a known key; nearest valid choice: seed",
        recipe={"data": {**RECIPE["data"], "split": {"sed": 1}}},
    ),
    "key missing": Row("a.yaml: data.source: is required", recipe={"data": {"target": "label"}}),
    "text for a list": Row(
        "a.yaml: data.drop: must be a list, but got 'a'; nearest valid choice: [a]",
        recipe={"data": {**RECIPE["data"], "drop": "a"}},
    ),
    "data: no such file": Row(
        "a.yaml: data.source: must be a file or folder that exists, but got 'row.csv'; nearest valid choice: rows.csv",
        recipe={"data": {"source": "row.csv", "target": "label"}},
    ),
    "data: no such kind of file": Row(
        "a.yaml: data.source: must be a folder, an import path, sklearn:NAME, or a file that ends with .csv, .csv.gz, "
        ".tsv, .tsv.gz, .zip, .data, .test, .parquet, .npz, but got 'nets.py'; nearest valid choice: .zip",
        recipe={"data": {"source": "nets.py"}},
    ),
    "data: target column absent": Row(
        "a.yaml: data.target: must name a column of rows.csv, but got 'lable'; nearest valid choice: label",
        recipe={"data": {"source": "rows.csv", "target": "lable"}},
    ),
    "data: no target": Row(
        "a.yaml: data.target: must name the target column of rows.csv; its columns are a, b, label",
        recipe={"data": {"source": "rows.csv"}},
    ),
    "data: a form of dates without a year": Row(
        "a.yaml: data.dates.a: must be seconds, milliseconds, or a form of strptime with a year, such as %d/%m/%Y, "
        "but got '%d/%m'",
        recipe={"data": {**RECIPE["data"], "dates": {"a": "%d/%m"}}},
    ),
    "data: dates that are text": Row(
        "a.yaml: data.types.a: must be date, or left out: data.dates has 'a', too, but got 'text'; "
        "nearest valid choice: date",
        recipe={"data": {**RECIPE["data"], "dates": {"a": "seconds"}, "types": {"a": "text"}}},
    ),
    "data: groups without columns": Row(
        "a.yaml: data.groups: a folder of images has no columns, but got 'sex'",
        recipe={"data": {"source": "photos", "groups": ["sex"]}},
        make=photos,
    ),
    "data: one class": Row(
        "a.yaml: data.source: targets of rows.csv must differ, but all are 'yes'",
        make=table("1,2,yes", "2,3,yes", "4,5,yes"),
    ),
    "data: too few of a class": Row(
        "a.yaml: data.source: class 'no' of rows.csv must have at least 3 examples (train, validation, "
        "test), but got 2",
        make=table("1,2,yes", "2,3,no", "4,5,yes", "1,9,yes", "8,8,no"),
    ),
    "data: empty folder": Row(
        "a.yaml: data.source: empty must hold one sub-folder of images for each class",
        recipe={"data": {"source": "empty"}},
        make=Path("empty").mkdir,
    ),
    "data: image that cannot be decoded": Row(
        "a.yaml: data.source: images must decode in photos, but 1 of 13 do not: "
        "photos/bee/7.png (no image of a known format) (data.on_bad: skip leaves them out)",
        recipe={"data": {"source": "photos"}},
        make=lambda: photos("bee/7.png"),
    ),
    "data: NaN in features": Row(
        "a.yaml: data.source: inputs must be finite in float32 in features.npz, but 1 of 40 rows break "
        "this, the first is row 3, counted from 0 (data.on_bad: skip leaves them out)",
        recipe={"data": {"source": "features.npz"}},
        make=with_nan,
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)


def test_bad_images_can_be_skipped_and_are_counted(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos("bee/7.png", "ant/8.png")
    Path("a.yaml").write_text(yaml.safe_dump({"name": "good", "data": {"source": "photos", "on_bad": "skip"}}))
    code, out, err = answer(capsys, "plan", "a.yaml")
    assert (code, err) == (0, "")
    assert "2 skipped" in out


@pytest.mark.parametrize("name", ["within a task"])
@pytest.mark.e2e
def test_optimize_says_the_same_in_a_process_of_its_own(name: str, place: Path) -> None:
    row = ROWS["data: target column absent"]
    check_optimize(write(row), row.says)
