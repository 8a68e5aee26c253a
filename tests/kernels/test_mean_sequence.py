"""Mean sequence: seldom wrong at any look, sure soon, and the same whatever the order of one look's numbers."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from tasks.kernels.statistics.mean_sequence import MeanSequence, begin_sequence, extend_sequence


def mistakes(generator: np.random.Generator, rows: int, share: float) -> np.ndarray:
    return (generator.random(rows) < share).astype(float)


def first_refusal(seed: int, before: int, share: float, looks: int = 50) -> int:
    """The look, after so many at 0.2, at which a mean of 0.2 is refused at 5 %; 0 when none does."""
    generator = np.random.default_rng(seed)
    sequence = begin_sequence(0.2, grid=0)
    for _ in range(before):
        sequence = extend_sequence(sequence, mistakes(generator, 50, 0.2))
    for look in range(1, looks + 1):
        sequence = extend_sequence(sequence, mistakes(generator, 50, share))
        if sequence.p_value(0.2) <= 0.05:
            return look
    return 0


def test_a_true_mean_is_seldom_refused_in_fifty_looks() -> None:
    refused = sum(first_refusal(seed, 0, 0.2) > 0 for seed in range(200))
    assert refused <= 10, "5 % of 200 streams"


def test_a_true_mean_of_skewed_numbers_is_seldom_refused() -> None:
    refused = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        sequence = begin_sequence(0.02, grid=0)
        for _ in range(50):
            sequence = extend_sequence(sequence, generator.beta(0.1, 4.9, 20))  # mean 0.02
        refused += sequence.p_value(0.02) <= 0.05
    assert refused <= 10


def test_a_large_rise_is_proven_at_its_first_look_and_a_smaller_one_soon() -> None:
    assert np.median([first_refusal(seed, 0, 0.6) for seed in range(20)]) == 1
    assert np.median([first_refusal(seed, 0, 0.35) for seed in range(20)]) <= 4


def test_a_long_good_time_hardly_delays_the_proof() -> None:
    late = [first_refusal(seed, 200, 0.35) for seed in range(10)]
    assert all(late)
    assert np.median(late) <= 8


def test_the_bound_lies_below_the_mean_and_nears_it() -> None:
    generator = np.random.default_rng(3)
    few = extend_sequence(begin_sequence(), mistakes(generator, 100, 0.3))
    many = extend_sequence(few, mistakes(generator, 20_000, 0.3))
    assert few.lower(0.05) < many.lower(0.05) < 0.3
    assert many.lower(0.05) > 0.27
    assert many.lower(0.5) >= many.lower(0.05)
    assert many.mean == pytest.approx(0.3, abs=0.01)
    assert (many.looks, many.n) == (2, 20_100)


def test_the_bound_of_bounded_numbers_seldom_exceeds_their_mean() -> None:
    wrong = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        sequence = begin_sequence()
        for _ in range(5):
            sequence = extend_sequence(sequence, generator.beta(2, 6, 30))
        wrong += sequence.lower(0.05) > 0.25
    assert wrong <= 5


def test_the_order_of_the_numbers_of_one_look_does_not_count() -> None:
    values = np.random.default_rng(4).random(60)
    assert extend_sequence(begin_sequence(0.4), values) == extend_sequence(begin_sequence(0.4), values[::-1])


def test_a_sequence_goes_on_after_a_way_through_json() -> None:
    sequence = extend_sequence(begin_sequence(0.3), np.array([0.1, 0.9, 1.0]))
    record = json.loads(json.dumps(asdict(sequence)))
    rows = tuple(tuple(row) for row in record.pop("capital"))
    again = MeanSequence(
        **{**record, "levels": tuple(record["levels"]), "highest": tuple(record["highest"])}, capital=rows
    )
    assert again == sequence
    assert extend_sequence(again, np.ones(3)) == extend_sequence(sequence, np.ones(3))


def test_nothing_is_known_without_numbers() -> None:
    sequence = begin_sequence(0.3)
    assert extend_sequence(sequence, np.zeros(0)) == sequence
    assert (sequence.lower(0.05), sequence.p_value(0.3), sequence.mean) == (0.0, 1.0, 0.0)


def test_a_level_that_is_not_tested_takes_the_next_higher_one() -> None:
    sequence = extend_sequence(begin_sequence(0.2, 0.4, grid=0), np.ones(4))
    assert sequence.p_value(0.3) == sequence.p_value(0.4) > sequence.p_value(0.2)
    assert sequence.p_value(0.9) == 1.0


@pytest.mark.parametrize("values", [[-0.1], [1.1], [float("nan")]])
def test_numbers_out_of_range_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"must lie in 0\.\.1"):
        extend_sequence(begin_sequence(), np.array(values))


def test_levels_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="levels must lie between 0 and 1"):
        begin_sequence(1.0)
