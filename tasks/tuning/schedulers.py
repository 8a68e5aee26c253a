"""Schedulers: stop trials early, by comparing their scores at the same epoch.

A trial is a plain function, which cannot be paused and resumed: a scheduler may stop it, but not pause it. This leaves
the following of Ray Tune 2.60's schedulers: ASHA (Li et al. 2020); the median rule (Golovin et al. 2017), configured so
that it never pauses; and asynchronous HyperBand (Li et al. 2020), built here from one ASHA scheduler (bracket) for each
rung, at most three, each of which begins one rung later than the one before. New trials are assigned to the brackets in
turn. Tune's synchronous HyperBand pauses trials, and its asynchronous one chooses the bracket with numpy's global
random generator.

No scheduler stops a trial at its last epoch, so that its function runs to its end and returns its answer.
"""

from __future__ import annotations

import math
from typing import Any

from tasks.tuning.journal import Journal

REDUCTION = 3
"""At each rung, the best third of the trials continues; the authors of HyperBand recommend a factor of 3 or 4."""
BRACKETS = 3
"""Most brackets of HyperBand."""
LEAST_OTHERS = 3
"""The median rule stops a trial only when this number of other trials has reached the same epoch."""


class Past:
    """Represents, for a scheduler, a trial that ended before the search was interrupted."""

    def __init__(self, number: int) -> None:
        self.trial_id = f"before-{number}"


def scheduler_of(name: str, epochs: int) -> Any:
    """A new scheduler of Ray Tune.

    Args:
        name: `asha`, `hyperband`, `median` or `none`.
        epochs: most epochs of one trial; with 1, no trial is stopped early.
    """
    from ray.tune.schedulers import FIFOScheduler, MedianStoppingRule

    first = rungs(epochs)
    if name == "none" or not first:
        return FIFOScheduler()
    if name == "median":
        # With a finite time slice, Tune would pause a trial that has too few others to be compared with.
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
    """The rungs: the epochs at which successive halving compares trials of at most this number of epochs.

    >>> rungs(30), rungs(9), rungs(2), rungs(1)
    ([3, 9, 27], [1, 3], [1], [])
    """
    rung, found = max(1, epochs // REDUCTION**2), []
    while rung < epochs:
        found.append(rung)
        rung *= REDUCTION
    return found


def replay(scheduler: Any, journal: Journal) -> None:
    """Reports the trials that ended before the search was interrupted to a new scheduler."""
    for entry in journal.entries:
        if entry.state is not None:
            past = Past(entry.number)
            scheduler.on_trial_add(None, past)
            for epoch, score in sorted(entry.curve.items()):
                # The order differs from the original one; a trial that the median rule would stop now gets no more.
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
        """Assigns new trials to the brackets in turn."""

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
