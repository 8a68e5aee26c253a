"""Schedulers: which trials are stopped early, by their score at the same epoch.

A trial is a plain function, which cannot be halted in the middle and go on later: a scheduler may stop it, but never
pause it. Of Ray Tune 2.60's schedulers this leaves ASHA (Li et al. 2020), the median rule (Golovin et al. 2017) told
never to pause, and HyperBand in its asynchronous form (Li et al. 2020): as many ASHA as there are rungs, up to three,
each beginning one rung later; trials go to them in turn. Tune's synchronous HyperBand pauses trials, and its
asynchronous one draws the bracket from numpy's global generator.

None of them ends a trial at its last epoch, so that a trial comes to its own end and says what it made.
"""

from __future__ import annotations

import math
from typing import Any

from tasks.tuning.journal import Journal

REDUCTION = 3
"""One in three goes on at each rung; 3 or 4 is what the authors of HyperBand advise."""
BRACKETS = 3
LEAST_OTHERS = 3
"""So many other trials must have come as far before the median rule stops one."""


class Past:
    """Stands for a trial that ended before the search was interrupted."""

    def __init__(self, number: int) -> None:
        self.trial_id = f"before-{number}"


def scheduler_of(name: str, epochs: int) -> Any:
    """Tune's scheduler.

    Args:
        name: `asha`, `hyperband`, `median` or `none`.
        epochs: the most epochs of one trial; where there is but one, nothing can be stopped early.
    """
    from ray.tune.schedulers import FIFOScheduler, MedianStoppingRule

    first = rungs(epochs)
    if name == "none" or not first:
        return FIFOScheduler()
    if name == "median":
        # Tune halts a trial that has too few others to compare with unless its slice of time never ends.
        return MedianStoppingRule(
            time_attr="epoch",
            metric="score",
            mode="max",
            grace_period=first[0],
            min_samples_required=LEAST_OTHERS,
            min_time_slice=math.inf,
        )
    if name == "hyperband":
        return _in_turn([_asha(rung, epochs) for rung in first[:BRACKETS]])
    return _asha(first[0], epochs)


def rungs(epochs: int) -> list[int]:
    """The epochs at which successive halving looks at a trial of at most so many.

    >>> rungs(30), rungs(9), rungs(2), rungs(1)
    ([3, 9, 27], [1, 3], [1], [])
    """
    rung, found = max(1, epochs // REDUCTION**2), []
    while rung < epochs:
        found.append(rung)
        rung *= REDUCTION
    return found


def replay(scheduler: Any, journal: Journal) -> None:
    """Tells a new scheduler of the trials that ended before the search was interrupted."""
    for entry in journal.entries:
        if entry.state is not None:
            past = Past(entry.number)
            scheduler.on_trial_add(None, past)
            for epoch, score in sorted(entry.curve.items()):
                # In another order than it happened; the median rule takes no more of a trial that it would now stop.
                if scheduler.on_trial_result(None, past, {"epoch": epoch, "score": score}) == "STOP":
                    break


def _asha(first: int, epochs: int) -> Any:
    from ray.tune.schedulers import ASHAScheduler

    return ASHAScheduler(
        time_attr="epoch",
        metric="score",
        mode="max",
        max_t=epochs - 1,
        grace_period=first,
        reduction_factor=REDUCTION,
        stop_last_trials=False,
    )


def _in_turn(brackets: list[Any]) -> Any:
    from ray.tune.schedulers import FIFOScheduler

    class InTurn(FIFOScheduler):  # type: ignore[misc]
        """Gives each new trial to the next bracket."""

        def __init__(self) -> None:
            super().__init__()
            self._brackets: dict[str, Any] = {}

        def on_trial_add(self, controller: Any, trial: Any) -> None:
            bracket = brackets[len(self._brackets) % len(brackets)]
            self._brackets[trial.trial_id] = bracket
            bracket.on_trial_add(controller, trial)

        def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> Any:
            return self._brackets[trial.trial_id].on_trial_result(controller, trial, result)

        def on_trial_complete(self, controller: Any, trial: Any, result: dict[str, Any]) -> None:
            self._brackets[trial.trial_id].on_trial_complete(controller, trial, result)

        def on_trial_remove(self, controller: Any, trial: Any) -> None:
            self._brackets[trial.trial_id].on_trial_remove(controller, trial)

    return InTurn()
