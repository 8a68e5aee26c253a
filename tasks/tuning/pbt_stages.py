"""PBT stages: the parts into which a population's training is divided, as points.

The point of a stage describes the training from its first epoch to the end of the stage: `train.epochs` is the epoch
after which the stage ends, `train.changes` the changes of the values so far, and the other paths have the values at the
start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.search.space import Point

EPOCHS, CHANGES = "train.epochs", "train.changes"


def ends(epochs: int, generations: int) -> list[int]:
    """The epochs after which the stages of a training end; fewer than `generations` when there are fewer epochs.

    >>> ends(30, 5), ends(10, 4), ends(2, 5)
    ([6, 12, 18, 24, 30], [3, 5, 8, 10], [1, 2])
    """
    return sorted({-(-epochs * stage // generations) for stage in range(1, generations + 1)})


def values_of(point: Point) -> dict[str, Any]:
    """The searched values at the end of a stage: the values at the start with all changes applied.

    >>> values_of({"train.learning_rate": 0.1, "train.epochs": 6, "train.changes": {"4": {"learning_rate": 0.08}}})
    {'train.learning_rate': 0.08}
    """
    values = {path: value for path, value in point.items() if path not in (EPOCHS, CHANGES)}
    for _, change in sorted(point.get(CHANGES, {}).items(), key=lambda item: int(item[0])):
        values |= {f"train.{name}": value for name, value in change.items()}
    return values


def at_end(point: Point) -> Point:
    """The point with its values at the end of the stage and without the changes; a point without changes is unchanged.

    >>> at_end({"train.learning_rate": 0.1, "train.epochs": 6, "train.changes": {"4": {"learning_rate": 0.08}}})
    {'train.learning_rate': 0.08, 'train.epochs': 6}
    """
    held = values_of(point)
    return {path: held.get(path, value) for path, value in point.items() if path != CHANGES}


def go_on(point: Point, end: int, values: Mapping[str, Any] = {}) -> Point:
    """The stage after this one, up to epoch `end`.

    Those of `values` that differ from the values at the end of this stage become a change before its next epoch.
    """
    held = values_of(point)
    change = {path.removeprefix("train."): value for path, value in values.items() if held.get(path) != value}
    changes = point.get(CHANGES, {}) | ({str(point[EPOCHS] + 1): change} if change else {})
    return {**point, EPOCHS: end} | ({CHANGES: changes} if changes else {})


def origin(point: Point, due: Sequence[int]) -> Point | None:
    """The stage that this one continues, where stages end after the epochs `due`; None for a first stage."""
    last = max((end for end in due if end < point[EPOCHS]), default=0)
    if last == 0:
        return None
    changes = {epoch: change for epoch, change in point.get(CHANGES, {}).items() if int(epoch) <= last}
    rest = {path: value for path, value in point.items() if path != CHANGES}
    return {**rest, EPOCHS: last} | ({CHANGES: changes} if changes else {})
