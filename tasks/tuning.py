"""Tuning: a search over points of a space, run by Ray Tune; a trial is a plain callable, point → score."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tasks.artifacts import digest_of
from tasks.spaces import Choice, Domain, Integers, LogUniform, Point, Search

Report = Callable[[int, float], None]
"""Called by a trial after each epoch with the epoch's number and score; higher is better. It may end the trial."""
TrialFunction = Callable[[Point, Any, Report, Path], None]
"""(point, shared, report, checkpoint): runs one trial. `shared` was put where every worker can map it, once; the file
`checkpoint` is the trial's own, and is there again when a killed trial is started anew."""


@dataclass(frozen=True)
class Trial:
    """One point that was tried."""

    number: int
    point: Point
    score: float | None
    """The best of its epochs; None when it failed before the first."""
    curve: tuple[tuple[int, float], ...]
    state: Literal["finished", "stopped early", "failed"]
    seconds: float


@dataclass(frozen=True)
class Tuned:
    """What a search found: the best point (empty when no trial finished an epoch) and every trial."""

    best: Point
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Progress:
    """Where a search stands."""

    running: int
    done: int
    total: int
    best: float | None


listeners: list[Callable[[Progress], None]] = []
"""Who in this process wants to hear of the search that runs."""


def tune(
    trial: TrialFunction,
    search: Search,
    shared: Any,
    folder: Path,
    epochs: int,
    first: Point | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Tuned:
    """Runs the search on this machine's Ray, or on the cluster at RAY_ADDRESS.

    A search that was killed goes on from `folder`: finished trials are not run again.

    Args:
        trial: runs one point; must be importable or picklable by Ray.
        shared: arrays that every trial reads; put into the object store once and mapped, not copied.
        folder: where Tune keeps the search's state.
        epochs: the most epochs of one trial, for the scheduler.
        first: a point to try first, for example the recipe's own values.
        on_progress: called after every report of a trial.
    """
    import ray

    folder.mkdir(parents=True, exist_ok=True)
    started_here = not ray.is_initialized()
    if started_here:
        connect()
    if on_progress:
        listeners.append(on_progress)
    try:
        tuner = _tuner(trial, search, ray.put(shared), folder, epochs, first)
        results = tuner.fit()
        trials = tuple(_trial(number, result, search, epochs) for number, result in enumerate(results))
    finally:
        if on_progress:
            listeners.remove(on_progress)
        if started_here:
            ray.shutdown()
    return Tuned(best_point(trials), trials)


def connect() -> None:
    """Joins the cluster at RAY_ADDRESS, or starts a quiet Ray on this machine."""
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if os.environ.get("RAY_ADDRESS"):
        ray.init(**quiet)
    else:
        # Without an address Ray joins whatever cluster somebody else has started on this machine.
        ray.init(address="local", num_cpus=os.cpu_count(), include_dashboard=False, **quiet)


def best_point(trials: tuple[Trial, ...]) -> Point:
    """The point with the best score; the earlier one on a tie; empty when there is none."""
    scored = [trial for trial in trials if trial.score is not None]
    return max(scored, key=lambda trial: (trial.score or 0.0, -trial.number)).point if scored else {}


def summarize(trials: tuple[Trial, ...]) -> str:
    """The trials in a few words; scores without their sign, which only says what is better."""
    scores = [trial.score for trial in trials if trial.score is not None]
    best = f"best {abs(max(scores)):.4f}, " if scores else ""
    early = sum(trial.state == "stopped early" for trial in trials)
    return f"{best}{len(trials)} trials, {early} stopped early, {len(trials) - len(scores)} failed"


def _tuner(
    trial: TrialFunction,
    search: Search,
    shared: Any,
    folder: Path,
    epochs: int,
    first: Point | None,
) -> Any:
    from ray import tune as ray_tune
    from ray.tune.logger import JsonLoggerCallback

    trainable = _trainable(trial, shared, folder.resolve())
    saved = folder / "search"
    if ray_tune.Tuner.can_restore(str(saved)):
        return ray_tune.Tuner.restore(str(saved), trainable=trainable, resume_unfinished=True, restart_errored=True)
    return ray_tune.Tuner(
        trainable,
        param_space=None if search.algorithm == "tpe" else _space(search),
        tune_config=ray_tune.TuneConfig(
            metric="score",
            mode="max",
            search_alg=_searcher(search, first),
            scheduler=_scheduler(search, epochs),
            num_samples=1 if search.algorithm == "grid" else search.trials,
            time_budget_s=search.minutes * 60 if search.minutes else None,
            reuse_actors=True,
        ),
        run_config=ray_tune.RunConfig(
            name="search",
            storage_path=str(folder.resolve()),
            verbose=0,
            # Tune reads each trial's curve back from the file of this logger; its automatic loggers are turned off.
            callbacks=[_watcher(search.count), JsonLoggerCallback()],
        ),
    )


def _trainable(trial: TrialFunction, shared: Any, folder: Path) -> Callable[[Point], None]:
    """What Ray runs for one trial: one thread, the shared arrays mapped from the object store."""

    def run(point: Point) -> None:
        import ray
        import torch
        from ray import tune as ray_tune

        torch.set_num_threads(1)

        def report(epoch: int, score: float) -> None:
            ray_tune.report({"epoch": epoch, "score": score})

        trial(point, ray.get(shared), report, folder / "trials" / digest_of(point))

    return run


def _space(search: Search) -> dict[str, Any]:
    from ray import tune as ray_tune

    def convert(domain: Domain) -> Any:
        if isinstance(domain, Choice):
            choices = list(domain.choice)
            return ray_tune.grid_search(choices) if search.algorithm == "grid" else ray_tune.choice(choices)
        low, high = domain.bounds()
        if isinstance(domain, Integers):
            return ray_tune.randint(int(low), int(high) + 1)
        return ray_tune.loguniform(low, high) if isinstance(domain, LogUniform) else ray_tune.uniform(low, high)

    return {path: convert(domain) for path, domain in search.space.items()}


def _searcher(search: Search, first: Point | None) -> Any:
    points = [first] if first else None
    if search.algorithm == "tpe":
        import optuna
        from ray.tune.search.optuna import OptunaSearch

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = optuna.samplers.TPESampler(seed=search.seed)
        return OptunaSearch(
            space=_space(search), metric="score", mode="max", points_to_evaluate=points, sampler=sampler
        )
    from ray.tune.search.basic_variant import BasicVariantGenerator

    return BasicVariantGenerator(
        points_to_evaluate=None if search.algorithm == "grid" else points, random_state=search.seed
    )


def _scheduler(search: Search, epochs: int) -> Any:
    from ray.tune.schedulers import ASHAScheduler, FIFOScheduler

    if search.scheduler == "none":
        return FIFOScheduler()
    return ASHAScheduler(time_attr="epoch", max_t=max(epochs, 2), grace_period=max(1, epochs // 4), reduction_factor=2)


def _watcher(total: int) -> Any:
    """A Tune callback that tells the listener of this process; it is pickled with the search, the listener is not."""
    from ray.tune import Callback

    class Watcher(Callback):  # type: ignore[misc]
        best: float | None = None

        def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: Any, **_: Any) -> None:
            score = result.get("score")
            if score is not None and (self.best is None or score > self.best):
                self.best = float(score)
            self.tell(trials)

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
            self.tell(trials)

        def tell(self, trials: list[Any]) -> None:
            from tasks import tuning

            states = [trial.status for trial in trials]
            done = sum(state in ("TERMINATED", "ERROR") for state in states)
            for listener in tuning.listeners:
                listener(Progress(states.count("RUNNING"), done, total, self.best))

    return Watcher()


def _trial(number: int, result: Any, search: Search, epochs: int) -> Trial:
    frame = result.metrics_dataframe
    curve: tuple[tuple[int, float], ...] = ()
    if frame is not None and "score" in frame:
        pairs = zip(frame["epoch"].tolist(), frame["score"].tolist(), strict=True)
        # The last report is repeated when a trial ends by itself.
        curve = tuple({int(epoch): float(score) for epoch, score in pairs}.items())
    state: Literal["finished", "stopped early", "failed"] = "finished"
    if result.error is not None or not curve:
        state = "failed"
    elif curve[-1][0] < epochs:
        state = "stopped early"
    best = max((score for _, score in curve if math.isfinite(score)), default=None)
    point = {path: value for path, value in (result.config or {}).items() if path in search.space}
    return Trial(number, point, best, curve, state, float((result.metrics or {}).get("time_total_s", 0.0)))
