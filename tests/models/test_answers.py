"""Answers: whatever form a network's answer has, it becomes one row of numbers for each example."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its name in torch's own documents

from tasks.core import InputError
from tasks.models.answers import Reading, find_reading


class Named(NamedTuple):
    logits: Tensor
    features: Tensor


@dataclass
class Record:
    scores: Tensor
    loss: Tensor | None = None


ROWS, WIDE = torch.tensor([[1.0, -2.0], [0.5, 3.0]]), torch.zeros(2, 16)
ONE = torch.tensor([[0.25], [0.75]])
CLASSES: Any = SimpleNamespace(classes=("no", "yes"), outputs=2)
NUMBER: Any = SimpleNamespace(classes=(), outputs=1)


def read(answer: Any, data: Any = CLASSES, key: str | int | None = None, made_by: str | None = None) -> Any:
    return find_reading(answer, data, key, lambda _: made_by).read(answer).tolist()


def test_rows_are_taken_as_they_are() -> None:
    assert find_reading(ROWS, CLASSES, None, lambda _: None) == Reading()
    assert find_reading(ONE, NUMBER, None, lambda _: None) == Reading()


@pytest.mark.parametrize(
    "answer",
    [{"logits": ROWS, "loss": None}, Named(ROWS, WIDE), Record(ROWS), (WIDE, ROWS), [ROWS, 3], ROWS[:, :, None, None]],
    ids=["dictionary", "named tuple", "dataclass", "tuple", "list", "map of one place"],
)
def test_the_only_output_that_fits_is_taken(answer: Any) -> None:
    assert read(answer) == ROWS.tolist()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_floats_are_cast(dtype: torch.dtype) -> None:
    reading = find_reading(ROWS.to(dtype), CLASSES, None, lambda _: None)
    assert reading == Reading(cast=True)
    assert reading.read(ROWS.to(dtype)).dtype == torch.float32


def test_numbers_without_a_column_get_one() -> None:
    assert read(ONE.squeeze(1), NUMBER) == ONE.tolist()


@pytest.mark.parametrize("logit", [ONE, ONE.squeeze(1)], ids=["column", "no column"])
def test_one_logit_of_two_classes_is_exactly_two(logit: Tensor) -> None:
    found = torch.tensor(read(logit))
    assert found.tolist() == [[0.0, 0.25], [0.0, 0.75]]
    labels = torch.tensor([1, 0])
    apart = F.cross_entropy(found, labels) - F.binary_cross_entropy_with_logits(ONE.squeeze(1), labels.float())
    assert abs(float(apart)) < 1e-7


def test_one_probability_of_two_classes_is_two() -> None:
    assert read(ONE, made_by="sigmoid") == [[0.75, 0.25], [0.25, 0.75]]


def test_the_recipe_chooses_one_of_several() -> None:
    several = Named(ROWS, -ROWS)
    assert read(several, key="features") == (-ROWS).tolist()
    assert read(several, key=0) == ROWS.tolist()
    assert read({"a": {"b": ROWS}, "c": ROWS}, key="c") == ROWS.tolist()


TWO = {"shares": ROWS, "logits": -ROWS}


@pytest.mark.parametrize(
    ("answer", "data", "key", "says"),
    [
        (
            TWO,
            CLASSES,
            None,
            "model.factory: answers with several outputs that fit the data (shares (2, 2), logits (2, 2)), so "
            "model.output must choose one; nearest valid choice: model.output: logits",
        ),
        (TWO, CLASSES, "logit", "model.output: must name an output of the network, but got 'logit'; nearest valid "
         "choice: logits"),
        ((ROWS, WIDE), CLASSES, 2, "model.output: must name an output of the network, but got 2; nearest valid choice: "
         "0 (2, 2), 1 (2, 16)"),
        (ROWS, CLASSES, 0, "model.output: must be left out: the network answers with one tensor, but got 0"),
        ((WIDE, None), CLASSES, None, "model.factory: must answer two examples with outputs of shape (2, 2), but got "
         "'0 (2, 16)'"),
        (None, CLASSES, None, "model.factory: must answer two examples with outputs of shape (2, 2), but got "
         "'no tensors'"),
        (ROWS.argmax(1), CLASSES, None, "model.factory: must answer with floating-point numbers, but got 'int64'; "
         "nearest valid choice: the logits, without the argmax"),
        (WIDE, NUMBER, None, "model.factory: must answer two examples with outputs of shape (2, 1), but got (2, 16)"),
    ],
    ids=["several", "no such name", "no such place", "one tensor", "none fits", "no tensors", "labels", "regression"],
)  # fmt: skip
def test_what_does_not_fit_is_one_sentence(answer: Any, data: Any, key: str | int | None, says: str) -> None:
    with pytest.raises(InputError) as found:
        find_reading(answer, data, key, lambda value: "softmax" if value is ROWS else None)
    assert str(found.value) == says


def test_a_class_that_does_not_occur_is_named() -> None:
    data: Any = SimpleNamespace(classes=("0", "1", "3", "4"), outputs=4)
    with pytest.raises(
        InputError, match=r"classes of the data \(0, 1, 3, 4, and no example has the class 2\), but got"
    ):
        find_reading(torch.zeros(2, 5), data, None, lambda _: None)
