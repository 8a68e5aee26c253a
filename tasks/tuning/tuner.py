"""Running: a search from its first point to what it found, on this machine's Ray or on a cluster."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import InputError, Workspace
from tasks.core.errors import in_one_line
from tasks.search.results import Known, Progress, Trial, Tuned, best_point
from tasks.search.search_spec import Search, SearchBudget
from tasks.search.space import Point
from tasks.tuning import callbacks, schedulers
from tasks.tuning.cluster import check_resources, connect
from tasks.tuning.journal import Journal
from tasks.tuning.node_storage import TRIALS, open_storage
from tasks.tuning.pbt import Population
from tasks.tuning.samplers import Sampler
from tasks.tuning.trainable import TrialFunction, trainable

if TYPE_CHECKING:
    import numpy as np

STARTS = 4
"""How often a trial is started, at most, when its worker or its node is lost."""
SETTINGS = {
    # An interrupt must reach the caller; Tune would end the search as if all were well.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Tune's own record of the search, which is not used: once, at the end.
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    "RAY_AIR_NEW_OUTPUT": "0",
}


def tune(
    trial: TrialFunction,
    search: SearchBudget,
    shared: Mapping[str, np.ndarray],
    workspace: Workspace,
    folder: Path,
    epochs: int,
    *,
    first: Sequence[Point] = (),
    known: Sequence[Known] = (),
    needs: Sequence[str] = (),
    modules: Sequence[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
    on_trials: Callable[[Sequence[Trial]], None] | None = None,
) -> Tuned:
    """Searches for the point with the best score.

    A search that was killed, at any moment, goes on from `folder`: trials that ended are not run again, those under
    way go on from what they left in their own folders, and the algorithm knows what it knew. A trial that fails, or
    whose worker is lost four times, costs that trial only. What breaks the search itself is raised only when nothing
    was found yet; else it is named in the answer.

    Args:
        trial: runs one point.
        shared: arrays that every trial reads; they go into the object store once and are mapped, not copied.
        workspace: the driver's.
        folder: where the search's state is kept; the same for the same search, and no other's.
        epochs: the most epochs of one trial, for the scheduler; of a whole training, for a population.
        first: points to try first, in order; they may lie outside the space. A grid has its own points.
        known: trials of earlier searches; the algorithm is told, they are not run. A population takes none.
        needs: store entries that a trial reads.
        modules: the user's own top-level modules, which go to the nodes of a cluster with the code.
        on_progress: called after every change; what it raises ends the search.
        on_trials: called with the trials that ended since it was called last, at first with those that ended before
            this process took the search up; what it raises ends the search. It sees no trial that the end of the
            search cuts short.

    Raises:
        InputError: the resources are more than a node has, or the cluster does not answer.
    """
    import ray

    folder.mkdir(parents=True, exist_ok=True)
    history = Journal(folder / "history.jsonl", first, known)
    broken = ""
    try:
        searcher = searcher_of(search, epochs, history)
        searcher.replay(history)
        limit = search.minutes * 60 if search.minutes else None
        watch = callbacks.SearchMonitor(searcher, history, folder / TRIALS, search.count, limit, on_progress, on_trials)
        if trials_left(search, history) and not watch.is_time_up():
            with ray_of(modules):
                check_resources(search.resources.cpus, search.resources.gpus)
                depot = open_storage(workspace, folder, needs)
                run_tune(watch, search, epochs, folder, trainable(trial, ray.put(shared), depot, search.resources))
        for entry in history.under_way():
            history.end(entry.number)
    except InputError:
        raise
    except Exception as error:  # whatever broke the search, what it found is kept
        if not best_point(history.trials()):
            raise
        broken = in_one_line(error)
    finally:
        history.close()
    trials = history.trials()
    return Tuned(best_point(trials), trials, broken, cost=search.cost)


def searcher_of(search: SearchBudget, epochs: int, history: Journal) -> Sampler | Population:
    """What chooses the points of a search whose longest training has so many epochs."""
    if isinstance(search, Search) and search.algorithm == "pbt":
        return Population(search, epochs, history.first)
    return Sampler(search, history.first, history.known)


def trials_left(search: SearchBudget, history: Journal) -> int:
    """How many trials are still to be run, those that were interrupted included; -1 for as many as the time allows."""
    ended = len(history.entries) - len(history.under_way())
    return -1 if search.count is None else max(search.count - ended, 0)


@contextmanager
def ray_of(modules: Sequence[str]) -> Iterator[None]:
    """Ray, connected; what was connected before stays connected."""
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
    watch: callbacks.SearchMonitor,
    search: SearchBudget,
    epochs: int,
    folder: Path,
    seated: Callable[[dict[str, Any]], None],
) -> None:
    """Has Tune run the trials that are left, within the time that is left."""
    from ray import tune as ray_tune

    # A population's stages are compared by the searcher, which has others go on in their place.
    scheduler = schedulers.scheduler_of("none" if search.algorithm == "pbt" else search.scheduler, epochs)
    schedulers.replay(scheduler, watch.history)
    place = (folder / "ray").resolve()
    shutil.rmtree(place, ignore_errors=True)
    resources = {"cpu": search.resources.cpus, "gpu": search.resources.gpus}
    with environment(SETTINGS):
        ray_tune.run(
            seated,
            name="search",
            search_alg=callbacks.search_algorithm(watch),
            scheduler=scheduler,
            callbacks=[callbacks.callback(watch)],
            num_samples=trials_left(search, watch.history),
            stop=callbacks.deadline(watch),
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
    """Has this process's environment say so inside the block."""
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
