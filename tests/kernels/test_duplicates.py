"""Duplicates: exact copies across splits are counted, and one pair of each is named."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from tasks.kernels.statistics.duplicates import Copies, copies_across, row_digests


def test_copies_of_images_are_counted_for_each_pair_of_splits() -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 5, 3, 1), np.uint8)
    parts = {"train": images[:10], "validation": images[[10, 3, 11, 3]], "test": images[[12, 11, 9]]}
    assert copies_across(parts) == (
        Copies("train", "validation", 2, (3, 1)),
        Copies("train", "test", 1, (9, 2)),
        Copies("validation", "test", 1, (2, 1)),
    )


def test_one_other_pixel_makes_another_image() -> None:
    images = np.zeros((2, 4, 4, 3), np.float32)
    images[1, 3, 3, 2] = 1e-30
    assert copies_across({"train": images[:1], "test": images[1:]}) == ()


def test_copies_of_rows_of_a_frame_with_missing_values() -> None:
    train = pd.DataFrame({"age": [1.0, np.nan, 3.0], "town": ["Rome", None, "Rom"]})
    test = pd.DataFrame({"age": [3.0, np.nan], "town": ["Rome", None]}, index=[7, 8])
    assert copies_across({"train": train, "test": test}) == (Copies("train", "test", 1, (1, 1)),)


def test_nothing_is_shared_with_an_empty_split_or_alone() -> None:
    rows = np.ones((3, 2))
    assert copies_across({"train": rows, "test": rows[:0]}) == copies_across({"train": rows}) == ()


def test_an_array_is_read_in_its_order_whatever_its_memory_is() -> None:
    rows = np.random.default_rng(1).normal(size=(6, 4, 2))
    turned = np.asfortranarray(rows)
    np.testing.assert_array_equal(row_digests(rows), row_digests(turned))
    assert len(np.unique(row_digests(rows))) == 6


def test_a_hundred_thousand_rows_take_a_second() -> None:
    rows = np.random.default_rng(2).normal(size=(100_000, 10))
    started = time.process_time()
    assert copies_across({"train": rows[:90_000], "test": rows[80_000:]})[0].count == 10_000
    assert time.process_time() - started < 5
