"""Wrong preprocessing and augmentation: their steps, and the data that they suit."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wrong_input import IMAGES, Row, check_plan

ROWS = {
    "step unknown in preprocess": Row(
        "a.yaml: preprocess.0.step: must be one of normalize, impute, clip, scale, normalize_rows, date_parts, "
        "one_hot, ordinal, target_encode, tfidf, transform_target, none, but got 'onehot'; nearest valid choice: "
        "one_hot",
        recipe={"preprocess": [{"step": "onehot"}]},
    ),
    "step without a tag": Row(
        "a.yaml: augment.0.step: is required: crop, flip, rotate, noise, cutout, resized_crop, translate, scale, "
        "shear, color, blur, erase, rand_augment, jitter, scaling, time_mask",
        recipe={"augment": [{"padding": 1}]},
    ),
    "augment on a table": Row(
        "a.yaml: augment.0.step: suits images only, but got 'flip'", recipe={"augment": [{"step": "flip"}]}
    ),
    "augment of sequences on a table": Row(
        "a.yaml: augment.0.step: suits arrays of steps only, but got 'jitter'", recipe={"augment": [{"step": "jitter"}]}
    ),
    "augment of sequences on images": Row(
        "a.yaml: augment.1.step: suits arrays of steps only, but got 'time_mask'; nearest valid choice: crop, flip, "
        "rotate, noise, cutout, resized_crop, translate, scale, shear, color, blur, erase, rand_augment",
        recipe={**IMAGES, "augment": [{"step": "flip"}, {"step": "time_mask"}]},
    ),
    "augment unknown": Row(
        "a.yaml: augment.0.step: must be one of crop, flip, rotate, noise, cutout, resized_crop, translate, scale, "
        "shear, color, blur, erase, rand_augment, jitter, scaling, time_mask, but got 'rotation'; nearest valid "
        "choice: rotate",
        recipe={**IMAGES, "augment": [{"step": "rotation"}]},
    ),
    "a rotation beyond the half turn": Row(
        "a.yaml: augment.0.degrees: must be at most 180, but got 270; nearest valid choice: 180",
        recipe={**IMAGES, "augment": [{"step": "rotate", "degrees": 270}]},
    ),
    "an alternating flip by chance": Row(
        "a.yaml: augment.0.probability: must be left out: alternating mirrors each image in every second epoch, but "
        "got 0.3",
        recipe={**IMAGES, "augment": [{"step": "flip", "alternating": True, "probability": 0.3}]},
    ),
    "augmentations compared where there are none": Row(
        "a.yaml: report.augmentations: needs a network that is trained from its beginning with augment, but got True; "
        "nearest valid choice: False",
        recipe={**IMAGES, "report": {"augmentations": True}},
    ),
    "preprocess step for images": Row(
        "a.yaml: preprocess.0.step: does not suit tables, but got 'normalize'; nearest valid choice: "
        "impute, clip, scale, normalize_rows, date_parts, one_hot, ordinal, target_encode, tfidf, "
        "transform_target",
        recipe={"preprocess": [{"step": "normalize"}]},
    ),
    "preprocess step twice": Row(
        "a.yaml: preprocess.1.step: must not stand twice, but got 'scale'",
        recipe={"preprocess": [{"step": "scale"}, {"step": "scale"}]},
    ),
    "a step for a column that does not exist": Row(
        "a.yaml: preprocess.0.columns: must name an input column, but got 'c'; nearest valid choice: a, b",
        recipe={"preprocess": [{"step": "scale", "columns": ["c"]}]},
    ),
    "a step of text for numbers": Row(
        "a.yaml: preprocess.0.columns: must name columns of text, but got 'a'",
        recipe={"preprocess": [{"step": "one_hot", "columns": ["a"]}]},
    ),
    "date parts of numbers": Row(
        "a.yaml: preprocess.0.columns: must name columns of dates, but got 'a'",
        recipe={"preprocess": [{"step": "date_parts", "columns": ["a"]}]},
    ),
    "a part that no date has": Row(
        "a.yaml: preprocess.0.parts.0: must be one of year, month, day, weekday, hour, elapsed, but got 'week'; "
        "nearest valid choice: weekday",
        recipe={"preprocess": [{"step": "date_parts", "parts": ["week"]}]},
    ),
    "a constant without a value": Row(
        "a.yaml: preprocess.0.value: must be given for strategy constant; nearest valid choice: 0",
        recipe={"preprocess": [{"step": "impute", "strategy": "constant"}]},
    ),
    "clipping from above to below": Row(
        "a.yaml: preprocess.0.high: must be above low, but got 0.1",
        recipe={"preprocess": [{"step": "clip", "low": 0.5, "high": 0.1}]},
    ),
    "mean for another number of channels": Row(
        "a.yaml: preprocess.0.mean: must hold one number for each of 3 channels, but got [0.5]",
        recipe={**IMAGES, "preprocess": [{"step": "normalize", "mean": [0.5], "std": [0.5]}]},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)
