"""Example columns: images, features and answers as columns."""

from __future__ import annotations

import numpy as np
import pytest
from support import product_files

from tasks.monitoring.example_columns import answer_columns, image_columns, input_columns, sharpness


def images(count: int = 6) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 9, 3), dtype=np.uint8)


def test_columns_of_images() -> None:
    told = image_columns(images(), np.arange(12.0).reshape(6, 2))
    assert {"brightness", "contrast", "sharpness", "feature 0", "feature 1"} <= told.keys()
    assert told["brightness"] == pytest.approx(images().mean(axis=(1, 2, 3)))
    assert told["feature 1"].tolist() == [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]
    assert {values.shape for values in told.values()} == {(6,)}


def test_tiny_images_have_no_sharpness() -> None:
    assert "sharpness" not in image_columns(images()[:, :2])


def test_blur_lowers_sharpness_and_an_even_image_has_none() -> None:
    sharp = images(300).astype(np.float32)
    blurred = (sharp + np.roll(sharp, 1, 1) + np.roll(sharp, 1, 2) + np.roll(sharp, (1, 1), (1, 2))) / 4
    assert (sharpness(blurred) < sharpness(sharp)).all()
    assert sharpness(np.full((2, 5, 5, 1), 7.0)).tolist() == [0.0, 0.0]
    step = np.zeros((1, 3, 3, 1))
    step[0, 1, 1] = 1.0
    assert sharpness(np.concatenate([step, step], axis=2)).tolist() == pytest.approx([np.std([-4, 1, 1, -4])])


def test_answers_of_classes() -> None:
    told = answer_columns(np.array([[0.0, np.log(3)], [2.0, 2.0]]), ("no", "yes"))
    assert told["class"].tolist() == ["yes", "no"]
    assert told["confidence"] == pytest.approx([0.75, 0.5])


def test_answers_of_a_regression() -> None:
    assert answer_columns(np.array([[1.5], [2.0]]), ())["prediction"].tolist() == [1.5, 2.0]


def test_what_a_product_gets_as_columns() -> None:
    told = input_columns(product_files.image_file(), product_files.images(5))
    assert {"brightness", "contrast", "sharpness"} <= told.keys()
    assert told["brightness"] == pytest.approx(product_files.images(5)["image"].mean(axis=(1, 2, 3)))
    rows = product_files.rows(4)
    told = input_columns(product_files.table_file(), rows)
    assert told["rooms"].tolist() == rows["rooms"][:, 0].tolist()
    assert told["town"].tolist() == rows["town"][:, 0].tolist()


def test_answers_by_a_rule_of_their_own() -> None:
    told = answer_columns(np.array([[0.0, 1.0], [2.0, 1.0]]), ("no", "yes"), np.array([0, 0]))
    assert told["class"].tolist() == ["no", "no"]
