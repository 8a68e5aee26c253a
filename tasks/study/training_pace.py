"""Training pace: the times of trainings that differ in their number of epochs alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tasks.study.effects import Measured


def at_one_pace(found: Sequence[Measured]) -> list[Measured]:
    """The measurements with the seconds that their epochs take at the mean pace of all of them.

    The trainings run one after the other, so other work on the machine slows one of them and not the next; of the same
    work it would look like a difference. Measurements without a curve stay as they are.
    """
    known = [each for each in found if each.seconds is not None and epochs_of_curve(each)]
    if not known:
        return list(found)
    pace = sum(each.seconds or 0.0 for each in known) / sum(map(epochs_of_curve, known))
    return [
        dataclasses.replace(each, seconds=pace * epochs_of_curve(each)) if each in known else each for each in found
    ]


def epochs_of_curve(each: Measured) -> int:
    """The epochs of a training; its start, which a curve may have as 0, is none."""
    return sum(number > 0 for number, _ in each.curve)
