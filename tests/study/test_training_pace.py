"""One pace: the same epochs take the same time, whatever else the machine did meanwhile."""

from __future__ import annotations

import pytest

from tasks.study.effects import Measured
from tasks.study.training_pace import at_one_pace


def training(name: str, epochs: int, seconds: float) -> Measured:
    return Measured(name, 0, seconds=seconds, curve=tuple((number, 1.0) for number in range(epochs + 1)))


def test_the_same_epochs_take_the_same_time_and_half_of_them_half() -> None:
    found = at_one_pace([training("all", 8, 20.0), training("long", 8, 8.0), training("short", 4, 12.0)])
    assert [each.seconds for each in found] == pytest.approx([16.0, 16.0, 8.0])


def test_what_was_not_trained_stays_as_it_is() -> None:
    refused = Measured("refused", 0, refusal="too few rows")
    assert at_one_pace([refused]) == [refused]
    assert at_one_pace([training("all", 2, 3.0), refused])[1] == refused
