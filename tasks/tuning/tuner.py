"""Tuner: runs a search from its start to its result, with Ray on this machine or on a cluster."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.core import InputError, Workspace
from tasks.core.errors import in_one_line
from tasks.search.guide import RUNG, Guide
from tasks.search.results import COLD, SearchProgress, SearchResult, SearchStart, Trial, best_point
from tasks.search.search_spec import Search, SearchBudget
from tasks.tuning import callbacks, schedulers
from tasks.tuning.chains import Chains
from tasks.tuning.cluster import check_resources, connect
from tasks.tuning.journal import Journal
from tasks.tuning.node_storage import TRIALS, open_storage
from tasks.tuning.pbt import Population
from tasks.tuning.samplers import Sampler
from tasks.tuning.trainable import TrialSetup, trainable

STARTS = 4
"""Most starts of a trial whose worker or node is lost."""
SETTINGS = {
    # An interrupt must reach the caller; Tune would end the search as if it were complete.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Tune's own record of the search is not used: it is written only once, at the end.
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    "RAY_AIR_NEW_OUTPUT": "0",
}


def tune(
    setup: TrialSetup,
    search: SearchBudget,
    workspace: Workspace,
    folder: Path,
    epochs: int,
    start: SearchStart = COLD,
    *,
    on_progress: Callable[[SearchProgress], None] | None = None,
    on_trials: Callable[[Sequence[Trial]], None] | None = None,
) -> SearchResult:
    """Searches for the point with the best score.

    A search that was killed, at any moment, continues from `folder`: trials that ended are not run again, interrupted
    trials continue from the state in their own folders, and the algorithm has the same state as before. When a trial
    raises an exception, or loses its worker four times, only this trial fails. An error of the search itself is raised
    only when there is no result yet; otherwise it is named in `SearchResult.broken`.

    Args:
        setup: the function that runs a trial, and what it needs.
        search: the algorithm, the space and the budget.
        workspace: the driver's.
        folder: folder of the search's state; the same whenever this search is continued, and for this search alone.
        epochs: most epochs of one trial, for the scheduler; with `pbt`, of a whole training.
        start: points to try first, and results of earlier searches.
        on_progress: called after every change of the progress; an exception in it ends the search.
        on_trials: called with the trials that have ended since its last call, at first with those that ended before
            this process continued the search; an exception in it ends the search. It does not get trials that the end
            of the search interrupts.

    Raises:
        InputError: no node has the resources of one trial, or the cluster does not answer.
        Exception: any other error of the search, when no trial has a score yet.
    """
    import ray

    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal(folder / "history.jsonl", start)
    broken = ""
    try:
        limit = search.minutes * 60 if search.minutes else None
        sampler = sampler_of(search, epochs, journal, start.guide, limit)
        sampler.replay(journal)
        monitor = callbacks.SearchMonitor(
            sampler, journal, folder / TRIALS, search.count, limit, on_progress, on_trials
        )
        if trials_left(search, journal) and not monitor.is_time_up():
            with ray_of(setup.modules):
                check_resources(search.resources.cpus, search.resources.gpus)
                storage = open_storage(workspace, folder, setup.needs)
                run_tune(
                    monitor,
                    search,
                    epochs,
                    folder,
                    trainable(setup.run, ray.put(setup.shared), storage, search.resources),
                )
        for entry in journal.under_way():
            journal.end(entry.number)
    except InputError:
        raise
    except Exception as error:  # whatever ended the search, its result so far is kept
        if not best_point(journal.trials()):
            raise
        broken = in_one_line(error)
    finally:
        journal.close()
    trials = journal.trials()
    return SearchResult(best_point(trials), trials, broken, cost=search.cost)


def sampler_of(
    search: SearchBudget, epochs: int, journal: Journal, guide: Guide | None = None, limit: float | None = None
) -> Sampler | Population | Chains:
    """The sampler of a search.

    Args:
        search: its algorithm and space.
        epochs: number of epochs of a whole training (used by `pbt`).
        journal: has the points to try first and the known trials.
        guide: of a space with rungs.
        limit: seconds of the whole search; None without one.
    """
    if isinstance(search, Search) and search.algorithm == "pbt":
        return Population(search, epochs, journal.first)
    if RUNG in search.space:
        start = SearchStart(tuple(journal.first), tuple(journal.known), guide)
        return Chains(search, start, lambda: math.inf if limit is None else limit - journal.seconds)
    return Sampler(search, journal.first, journal.known)


def trials_left(search: SearchBudget, journal: Journal) -> int:
    """Number of trials that are still to be run, including interrupted ones; -1 when only time limits them."""
    ended = len(journal.entries) - len(journal.under_way())
    return -1 if search.count is None else max(search.count - ended, 0)


@contextmanager
def ray_of(modules: Sequence[str]) -> Iterator[None]:
    """Context with a connection to Ray; a connection that exists already is used and stays open afterwards."""
    import ray

    if ray.is_initialized():
        yield
        return
    connect(modules)
    try:
        yield
    finally:
        ray.shutdown()


def run_tune(
    monitor: callbacks.SearchMonitor,
    search: SearchBudget,
    epochs: int,
    folder: Path,
    trial: Callable[[dict[str, Any]], None],
) -> None:
    """Runs the remaining trials with Ray Tune, within the remaining time."""
    from ray import tune as ray_tune

    # With pbt and with rungs the sampler itself compares the trials and continues the best; no scheduler may stop one.
    is_staged = search.algorithm == "pbt" or RUNG in search.space
    scheduler = schedulers.scheduler_of("none" if is_staged else search.scheduler, epochs)
    schedulers.replay(scheduler, monitor.journal)
    place = (folder / "ray").resolve()
    shutil.rmtree(place, ignore_errors=True)
    resources = {"cpu": search.resources.cpus, "gpu": search.resources.gpus}
    with environment(SETTINGS):
        ray_tune.run(
            trial,
            name="search",
            search_alg=callbacks.search_algorithm(monitor),
            scheduler=scheduler,
            callbacks=[callbacks.callback(monitor)],
            num_samples=trials_left(search, monitor.journal),
            stop=callbacks.deadline(monitor),
            resources_per_trial={name: amount for name, amount in resources.items() if amount},
            max_concurrent_trials=search.concurrency,
            max_failures=STARTS - 1,
            raise_on_failed_trial=False,
            reuse_actors=True,
            storage_path=str(place),
            trial_dirname_creator=lambda each: each.trial_id,
            verbose=0,
        )
    shutil.rmtree(place, ignore_errors=True)


@contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Context in which this process's environment has these variables; their previous values are restored after it."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
