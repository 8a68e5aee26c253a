"""Branch starts: where the branches of a search may begin: at the baseline, or where one of the recipe's own stands.

An own branch that ends its work on the network with a recovery is such a start. What a search appends to it needs only
the recovery of what is new, and the recipe's epochs are not spent again.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.compression.branch import BASELINE, AnyStep, Branch, spec_of
from tasks.search.space import Point
from tasks.techniques import Technique
from tasks.training.recovery import Recover

START = "start"
"""Path of a space: the name of the recipe's own branch at which a branch begins, or BASELINE."""


def start_steps(branch: Branch) -> tuple[AnyStep, ...]:
    """The steps up to the last recovery that trains; none where it has no such recovery, or more than techniques
    before it."""
    ends = [place for place, step in enumerate(branch.steps, start=1) if isinstance(step, Recover) and step.trains]
    steps = branch.steps[: ends[-1]] if ends else ()
    return steps if all(_is_reduction(step) for step in steps) else ()


def starts_of(branches: Sequence[Branch]) -> list[str]:
    """The names of the branches at which others may begin."""
    return [branch.name for branch in branches if start_steps(branch)]


def start_of(point: Point) -> str | None:
    """The name of the recipe's own branch at which the branch of a point begins; None: at the baseline."""
    start = point.get(START, BASELINE)
    return None if start == BASELINE else str(start)


def _is_reduction(step: AnyStep) -> bool:
    spec = spec_of(step)
    return isinstance(spec, Recover) or (isinstance(spec, Technique) and spec.form == "torch")
