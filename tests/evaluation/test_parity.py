"""Parity: the hop from one form of a model to the next, worked by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tasks.core import Parity
from tasks.evaluation import parity


def test_a_hop_worked_by_hand() -> None:
    before = np.array([[1.0, 20.0], [3.0, 2.0], [5.0, 0.0], [0.0, 1.0]])
    after = before + np.array([[0.0, 0.0], [-2.0, 0.0], [0.0, 0.5], [0.0, 0.0]])
    hop = parity.compare_outputs("a → b", before, after, tolerance=0.1)
    # The bound is a tenth of the largest output, 2; one of four examples changes its class.
    assert hop == Parity("a → b", 4, 2.0, 0.75, "largest difference at most 0.1 of the largest output", True)
    assert not parity.compare_outputs("a → b", before, after, tolerance=0.0999).passed


def test_one_output_agrees_within_the_bound() -> None:
    before, after = np.array([[100.0], [50.0], [0.0]]), np.array([[100.5], [48.0], [0.0]])
    assert parity.compare_outputs("a → b", before, after, tolerance=0.01).agreement == pytest.approx(2 / 3)
    tiny = parity.compare_outputs("a → b", before * 1e-6, after * 1e-6, tolerance=0.01)
    assert tiny.passed, "outputs below 1 are compared with 1"


def test_not_a_number_does_not_pass() -> None:
    broken = np.array([[np.nan, 1.0]])
    assert not parity.compare_outputs("a → b", np.ones((1, 2)), broken, tolerance=0.1).passed


def test_a_rounded_hop_worked_by_hand() -> None:
    before = np.tile(np.array([[2.0, 0.0]]), (100, 1))  # a deviation of 1
    near = before + np.array([[0.0, 0.04]])
    hop = parity.compare_rounded("a → b", before, near)
    assert dataclasses.replace(hop, law="") == Parity("a → b", 100, 0.04, 1.0, "", True)
    assert not parity.compare_rounded("a → b", before, before + 0.06).passed, "6 % of the deviation"
    turned = before * 0.01
    turned[:3] = turned[:3, ::-1]
    assert not parity.compare_rounded("a → b", before * 0.01, turned).passed, "three answers in a hundred"
    assert not parity.compare_rounded("a → b", before, before * np.nan).passed
