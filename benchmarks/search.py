"""Search algorithms side by side: best validation score against wall time.

    python benchmarks/search.py --data digits [--seeds 5] [--workers 2] [--publish] [--json out.json]
    python benchmarks/search.py --data FOLDER

FOLDER holds Fashion-MNIST as IDX files; 10,000 of its training images train, 2,000 others validate. Grid, random, TPE
and NSGA-II, each with and without ASHA, search one space of 54 points with as many trials, for every seed, in an order
of its own. A seed decides the split, the first weights, the shuffling and the points. A search is timed whole, with
the start of its workers, on a Ray that runs already.

The table has, for every search: its best score (mean); its time; after which share of the time of the same seed's grid
without ASHA it knew that grid's best score (median, range); and by how much its best score was above that of random
search without ASHA after a quarter of that time and after all of it, and in the last column above that of random search
with the same scheduler (mean of the paired differences). Intervals are Student's t over the seeds, 95 %.

The home (`PAREDOWN_HOME`) keeps every finished search: a benchmark that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from contests import DIGITS, SEARCHES, contest_of, order, recipe_of
from publish import BENCHMARKS, lines_of, publish
from races import Run, standings, table

from flows.pipeline.preparation import prepare_data
from flows.pipeline.run_context import Job
from flows.recipe.schema import Recipe
from flows.services import environment
from flows.trials.training_trial import TrainingObjective
from tasks import tuning
from tasks.core import Context, PlainRunner, Workspace, digest_of, write_atomically
from tasks.kernels.host.machine import host_name
from tasks.search.results import SearchProgress
from tasks.tuning.tuner import ray_of


def main() -> None:
    """Runs the searches that are missing, prints the table, and writes it where asked."""
    options = read_options()
    name = DIGITS if options.data == DIGITS else "fashion-mnist"
    if options.publish:
        lines_of(BENCHMARKS.read_text(), f"search {name}")  # marks that are missing show before the hours, not after
    runs = run_all(options, environment.prepare_environment())
    found = standings(sorted(runs, key=lambda run: SEARCHES.index((run.algorithm, run.scheduler))))
    lines = [*table(found), "", summary(runs, options.workers)]
    print("\n".join(lines))
    if options.publish:
        publish(f"search {name}", lines)
    if options.json:
        report = {
            "host": host_name(),
            "options": {**vars(options), "json": str(options.json)},
            "standings": [dataclasses.asdict(each) for each in found],
            "runs": [dataclasses.asdict(run) for run in runs],
        }
        options.json.write_text(json.dumps(report, indent=1))


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="digits, or a folder with Fashion-MNIST as IDX files")
    parser.add_argument("--seeds", type=int, default=5, help="at least 2")
    parser.add_argument("--workers", type=int, default=2, help="trials at once, each on one core")
    parser.add_argument("--epochs", type=int, default=9, help="of a trial that is not stopped early")
    parser.add_argument("--trials", type=int, help="of a search other than grid; absent: as many as grid has")
    parser.add_argument("--publish", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--json", type=Path, help="also write the numbers and the curves to this file")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("--seeds must be at least 2, since the intervals are over the seeds")
    return options


def run_all(options: argparse.Namespace, workspace: Workspace) -> list[Run]:
    """Every search of every seed; those that are kept from before are not run again."""
    folder = workspace.home / "benchmarks" / "search"
    folder.mkdir(parents=True, exist_ok=True)
    contest = contest_of(options.data, folder)
    knobs = {"epochs": options.epochs, "trials": options.trials, "workers": options.workers}
    recipes = [recipe_of(contest, *each, **knobs) for each in order(options.seeds)]
    records = {folder / f"{digest_of([host_name(), each.model_dump(mode='json')])}.json": each for each in recipes}
    missing = [path for path in records if not path.exists()]
    if missing:
        with ray_of(()):
            race(warming(recipes[0]), folder / "under way", workspace)
            for count, path in enumerate(missing, start=1):
                run = race(records[path], folder / "under way", workspace)
                write_atomically(path, json.dumps(dataclasses.asdict(run)).encode())
                told = f"best {run.curve[-1][1]:.4f}, {run.seconds:.1f} s"
                print(f"{count}/{len(missing)} seed {run.seed}, {run.name}: {told}", flush=True)
    return [Run(**json.loads(path.read_text())) for path in records]


def warming(recipe: Recipe) -> Recipe:
    """A small search that is not counted: the first one in a process imports what the others find."""
    assert recipe.search
    changes = {"algorithm": "tpe", "scheduler": "asha", "trials": 2, "epochs": 1}
    return recipe.model_copy(update={"search": recipe.search.model_copy(update=changes)})


def race(recipe: Recipe, folder: Path, workspace: Workspace) -> Run:
    """One search from its beginning; what is left in the folder of one that was interrupted goes."""
    search = recipe.search
    assert search
    prepared = prepare_data(Job(recipe, Context(workspace), PlainRunner()))
    objective = TrainingObjective(recipe, prepared, workspace.store.get_json(prepared.fitted))
    setup = tuning.TrialSetup(objective, objective.arrays(workspace.store))
    shutil.rmtree(folder, ignore_errors=True)
    curve: list[tuple[float, float]] = []
    started = time.monotonic()

    def hear(progress: SearchProgress) -> None:
        if progress.best is not None and (not curve or progress.best > curve[-1][1]):
            curve.append((time.monotonic() - started, progress.best))

    tuned = tuning.tune(setup, search, workspace, folder, recipe.train.epochs, on_progress=hear)
    seconds = time.monotonic() - started
    shutil.rmtree(folder)
    if tuned.broken:
        raise SystemExit(f"{search.algorithm} with {search.scheduler}: {tuned.broken}")
    states = [each.state for each in tuned.trials]
    counts = (len(states), states.count("stopped early"), states.count("failed"))
    return Run(recipe.train.seed, search.algorithm, search.scheduler, seconds, curve, *counts)


def summary(runs: Sequence[Run], workers: int) -> str:
    """What stands beside the numbers."""
    seeds = len({run.seed for run in runs})
    first = statistics.median(run.curve[0][0] for run in runs)
    failed = sum(run.failed for run in runs)
    counts = f"n = {seeds} seeds, {workers} trials at once, {failed} of {sum(run.trials for run in runs)} trials failed"
    return f"{counts}; the first score of a search comes after {first:.1f} s (median). Host: {host_name()}."


if __name__ == "__main__":
    main()
