"""Operating text: the threshold of the product, and whether test keeps what validation chose it for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from flows.results.answer_text import answer_of
from flows.results.operating_text import describe_point
from tasks.core import Estimate, Goal

if TYPE_CHECKING:
    from support.plain_run import PlainRun

RECALL = {"metric": "recall_at_precision", "positive": "3", "at": 0.9}


def said(plain: PlainRun, goal: dict[str, Any], **changes: Any) -> list[str]:
    """The sentences on a run of the digits whose product has another test card."""
    findings = plain.findings
    test = {digest: dataclasses.replace(card, **changes) for digest, card in findings.test.items()}
    recipe = findings.recipe.model_copy(update={"goal": Goal.model_validate(goal)})
    found = dataclasses.replace(findings, recipe=recipe, test=test)
    sentences = describe_point(found)
    assert all(each in answer_of(found) for each in sentences)
    return sentences


@pytest.mark.parametrize(
    ("value", "end"),
    [(0.92, ", where the goal asks 0.9."), (0.85, ": below the 0.9 that the goal asks.")],
)
def test_the_threshold_and_what_it_keeps_on_test(plain: PlainRun, value: float, end: str) -> None:
    reached = Estimate(value, 0.8, 0.97, 50)
    assert said(plain, RECALL, threshold=0.41234, reached=reached) == [
        "'3' is answered from a probability of 0.4123 on, as validation chose; on test precision is then "
        f"{value:.4f} [0.8000, 0.9700], n = 50{end}"
    ]


def test_a_class_that_is_never_answered(plain: PlainRun) -> None:
    assert said(plain, RECALL, threshold=2.0) == [
        "'3' is never answered: no threshold keeps precision 0.9 on validation."
    ]


def test_what_has_no_threshold_says_nothing(plain: PlainRun) -> None:
    assert said(plain, {"metric": "accuracy"}) == []
