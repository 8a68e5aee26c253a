"""Targets: the task they imply, their classes, and their conversion to class indices or numbers."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from tasks.core import InputError, nearest_choice
from tasks.data.readers.examples import Examples, Kind, Request

Task = Literal["classification", "regression"]

MOST_NUMERIC_CLASSES = 20


def missing(targets: np.ndarray) -> np.ndarray:
    """Which targets are missing (empty text, NaN) or infinite: bool, (count,)."""
    if targets.dtype == object:
        return np.asarray(targets == "", dtype=bool)
    return np.asarray(~np.isfinite(targets))


def task_of(targets: np.ndarray, kind: Kind) -> Task:
    """The task that the targets (count,) imply.

    Classification for text, for numbers that are whole with at most 20 different values, and for integers that come
    with images; otherwise regression.
    """
    if targets.dtype == object or (kind == "images" and targets.dtype.kind == "i"):
        return "classification"
    whole = bool((targets == np.floor(targets)).all())
    return "classification" if whole and len(np.unique(targets)) <= MOST_NUMERIC_CLASSES else "regression"


def classes_of(targets: np.ndarray, task: Task, request: Request) -> tuple[str, ...]:
    """Class names in the order of their indices: numbers by value, text by code point; empty for regression.

    Raises InputError when all targets are the same.
    """
    values = np.unique(targets)
    if len(values) == 1:
        raise InputError(
            f"targets of {request.source} must differ, but all are {_name(values[0])!r}", path=request.field
        )
    return tuple(_name(value) for value in values.tolist()) if task == "classification" else ()


def encode_targets(examples: Examples, classes: tuple[str, ...], part: str, field: str) -> Examples:
    """The examples with targets as int64 class indices, or as float32 numbers when there are no classes.

    `part` and `field` are for messages. Raises InputError for a class that is not among `classes`; in a regression,
    for text and for numbers outside the range of float32.
    """
    number = _indices if classes else _numbers
    return dataclasses.replace(examples, targets=number(examples.targets, classes, part, field))


def _indices(targets: np.ndarray, classes: tuple[str, ...], part: str, field: str) -> np.ndarray:
    values, inverse = np.unique(targets, return_inverse=True)
    names = [_name(value) for value in values.tolist()]
    place = {name: index for index, name in enumerate(classes)}
    unknown = [name for name in names if name not in place]
    if unknown:
        raise InputError(
            f"classes of the {part} part must be among those of train",
            path=field,
            value=", ".join(unknown[:20]),
            nearest=nearest_choice(unknown[0], classes) or ", ".join(classes[:20]),
        )
    return np.array([place[name] for name in names], dtype=np.int64)[inverse]


def _numbers(targets: np.ndarray, classes: tuple[str, ...], part: str, field: str) -> np.ndarray:
    if targets.dtype == object:
        raise InputError(
            f"targets of the {part} part are text",
            path="data.task",
            value="regression",
            nearest="classification",
        )
    if not (np.abs(targets) <= np.finfo(np.float32).max).all():
        raise InputError(f"targets of the {part} part must be finite in float32", path=field)
    return targets.astype(np.float32)


def _name(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
