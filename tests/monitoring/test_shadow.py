"""Shadow: a new champion that is worse goes back, and one that is not stays."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.core import InputError
from tasks.monitoring.shadow import begin_shadow, extend_shadow, must_roll_back


def goes_back(seed: int, worse: float, looks: int = 30) -> bool:
    generator = np.random.default_rng(seed)
    sequence = begin_shadow(0.01, 1.0)
    for _ in range(looks):
        kind = generator.choice(3, 200, p=[0.8 - worse, 0.1 + worse, 0.1])
        sequence = extend_shadow(sequence, (kind == 2).astype(float), (kind == 1).astype(float), 1.0)
    return must_roll_back(sequence, 0.05)


def test_a_worse_champion_goes_back() -> None:
    assert sum(goes_back(seed, 0.1) for seed in range(20)) >= 18


def test_one_that_is_worse_by_the_margin_stays() -> None:
    assert sum(goes_back(seed, 0.01) for seed in range(100)) <= 5


@pytest.mark.parametrize("margin", [-0.1, 1.0])
def test_a_margin_beyond_the_span_is_refused(margin: float) -> None:
    with pytest.raises(InputError, match="from 0 to below the largest difference"):
        begin_shadow(margin, 1.0)
