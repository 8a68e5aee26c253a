"""What a search costs beside the work of its trials: overhead, scaling, memory and tracking.

    python benchmarks/search_costs.py [--parts overhead scaling memory tracking] [--repeats 3] [--json out.json]

`overhead`: milliseconds that an empty trial adds to a search, two at once. `scaling`: how many times as many trainings
on digits a search does in a minute with two at once as with one. Both are counted from one end of a trial to a later
one of the same search, so that the start of its workers, which a search pays once, is left out. `memory`: MB of its own
(USS) by which the process of a trial grows when the trial reads 200 MB of shared arrays. `tracking`: seconds to write
100 and 1,000 made-up trials to MLflow on a new SQLite database, at once and as a search does it: in 20 batches while it
runs, and once more when all is over. What is compared is interleaved; values are means over the repeats with 95 %
intervals by Student's t (of a ratio, on the logarithms).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from contests import DIGITS, contest_of, recipe_of
from races import mean_interval

from flows.services import environment
from tasks import tracking, tuning
from tasks.core import Context, Estimate, PlainRunner, Workspace
from tasks.kernels.host.machine import host_name
from tasks.kernels.statistics.intervals import ratio_interval
from tasks.search.objective import TrialContext
from tasks.search.results import SearchProgress, SearchResult, Trial
from tasks.search.search_spec import Search
from tasks.search.space import Point
from tasks.tracking.searches.live_recorder import SearchRun
from tasks.tuning import TrialSetup
from tasks.tuning.tuner import ray_of

DRAWN = {"x": {"uniform": [0, 1]}}
BLOCK = 25_000_000
"""Numbers of eight bytes: 200 MB."""
BATCHES = 20
"""Five minutes of a search."""


@dataclass(frozen=True)
class Cost:
    """One measured cost."""

    name: str
    unit: str
    found: Estimate
    aim: float | None = None
    is_lower_better: bool = True

    @property
    def verdict(self) -> str:
        """Whether the estimate meets the aim."""
        if self.aim is None:
            return ""
        met = self.found.value <= self.aim if self.is_lower_better else self.found.value >= self.aim
        return f", aim at {'most' if self.is_lower_better else 'least'} {self.aim:g}: {'met' if met else 'missed'}"

    def __str__(self) -> str:
        found = self.found
        interval = f"{found.value:.3g} [{found.low:.3g}, {found.high:.3g}]"
        return f"{self.name}: {interval} {self.unit}, n = {found.n}{self.verdict}"


def main() -> None:
    """Measures, prints and, if asked, writes JSON."""
    options = read_options()
    workspace = environment.prepare_environment()
    costs: list[Cost] = []
    print(f"on {host_name()}", flush=True)
    with ray_of(()):
        for part in options.parts:
            found = PARTS[part](options, workspace)
            print("\n".join(map(str, found)), flush=True)
            costs += found
    if options.json:
        rows = [dataclasses.asdict(cost) for cost in costs]
        options.json.write_text(json.dumps({"host": host_name(), "costs": rows}, indent=1))


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS), help="what to measure")
    parser.add_argument("--repeats", type=int, default=3, help="at least 2")
    parser.add_argument("--empty", type=int, nargs=2, default=(20, 220), help="overhead counts from which end to which")
    parser.add_argument("--trainings", type=int, nargs=2, default=(6, 30), help="the same for scaling")
    parser.add_argument("--epochs", type=int, default=20, help="of one training of scaling")
    parser.add_argument("--records", type=int, nargs="+", default=(100, 1000), help="trials that tracking writes")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    if options.repeats < 2:
        parser.error("--repeats must be at least 2, since the intervals are over the repeats")
    return options


def overhead(options: argparse.Namespace, workspace: Workspace) -> list[Cost]:
    """Milliseconds of an empty trial, two at once."""

    def empty(point: Point, trial: TrialContext) -> None:
        trial.report(1, 0.0)

    found = [1000 * per_trial(TrialSetup(empty), DRAWN, options.empty, 2, workspace) for _ in range(options.repeats)]
    return [Cost("overhead of a trial, two at once", "ms", mean_interval(found), 60)]


def scaling(options: argparse.Namespace, workspace: Workspace) -> list[Cost]:
    """Trials a minute with one and with two at once, and their ratio."""
    from flows.pipeline.preparation import prepare_data
    from flows.pipeline.run_context import Job
    from flows.trials.training_trial import TrainingObjective

    contest = contest_of(DIGITS, workspace.home)
    recipe = recipe_of(contest, 0, "random", "none", epochs=options.epochs, trials=None, workers=2)
    prepared = prepare_data(Job(recipe, Context(workspace), PlainRunner()))
    objective = TrainingObjective(recipe, prepared, workspace.store.get_json(prepared.fitted))
    training = TrialSetup(objective, objective.arrays(workspace.store))
    space = {"train.seed": {"integers": [0, 10_000]}}
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(options.repeats):
        for at_once, found in rates.items():
            found.append(60 / per_trial(training, space, options.trainings, at_once, workspace))
    costs = [Cost(f"trainings a minute, {at_once} at once", "", mean_interval(rates[at_once])) for at_once in rates]
    ratio = ratio_interval([two / one for one, two in zip(rates[1], rates[2], strict=True)])
    return [*costs, Cost("two at once against one", "times", Estimate(*ratio, options.repeats), 1.8, False)]


def memory(options: argparse.Namespace, workspace: Workspace) -> list[Cost]:
    """MB that belong to a trial's process alone, with the shared block less those without."""

    def read(point: Point, trial: TrialContext) -> None:
        import psutil

        block = trial.shared["block"]
        total = float(block.sum())
        trial.report(1, total, {"uss": psutil.Process().memory_full_info().uss / 1e6, "read": block.nbytes / 1e6})

    blocks = {"without": np.ones(1), "with": np.ones(BLOCK)}
    found: dict[str, list[float]] = {name: [] for name in blocks}
    for _ in range(options.repeats):
        for name, block in blocks.items():
            trials = search(TrialSetup(read, {"block": block}), DRAWN, 4, 2, workspace).trials
            assert all(trial.measured["read"] == block.nbytes / 1e6 for trial in trials)
            found[name].append(float(np.mean([trial.measured["uss"] for trial in trials])))
    grown = [after - before for before, after in zip(found["without"], found["with"], strict=True)]
    return [
        Cost("memory of a trial's process alone", "MB", mean_interval(found["without"])),
        Cost("more with 200 MB of shared arrays", "MB", mean_interval(grown), 50),
    ]


def tracking_of(options: argparse.Namespace, workspace: Workspace) -> list[Cost]:
    """Seconds to write made-up trials, each time to a new database, at once or also in batches before."""
    found: dict[tuple[int, int], list[float]] = {(count, 0): [] for count in options.records}
    found |= {(count, BATCHES): [] for count in options.records}
    for _ in range(options.repeats):
        for (count, batches), seconds in found.items():
            seconds.append(write(made_up(count), workspace, batches))
    return [
        Cost(
            f"writing {count:,} trials to MLflow {f'in {batches} batches and again' if batches else 'at once'}",
            "s",
            mean_interval(seconds),
        )
        for (count, batches), seconds in found.items()
    ]


def write(trials: Sequence[Trial], workspace: Workspace, batches: int) -> float:
    """Seconds to record the trials under the run of a search that is there."""
    with tempfile.TemporaryDirectory(dir=workspace.home) as folder:
        uri = f"{tracking.SQLITE}{folder}/mlflow.db"
        parent = tracking.open_run(uri, "costs", "run", "key", {}, {})
        run = tracking.record_child(uri, parent, "search", "search", tracking.RunContent())
        under_way = SearchRun(uri, parent, "search", "")
        under_way.add(())
        started = time.monotonic()
        for batch in range(batches):
            under_way.add(trials[batch * len(trials) // batches : (batch + 1) * len(trials) // batches])
        under_way.close("FINISHED")
        tracking.record_trials(uri, run, trials)
        return time.monotonic() - started


def made_up(count: int) -> list[Trial]:
    """Trials of ten epochs with three values each; the same every time."""
    generator = np.random.default_rng(0)
    trials = []
    for number in range(count):
        rate, decay, *curve = generator.random(12).tolist()
        point = {"train.learning_rate": rate, "train.weight_decay": decay, "train.batch_size": 64}
        epochs, measured = tuple(enumerate(curve, start=1)), {"drop": rate, "speedup": decay}
        trials.append(Trial(number, point, max(curve), epochs, "finished", 1.0, measured))
    return trials


def per_trial(
    setup: TrialSetup,
    space: Mapping[str, object],
    counted: Sequence[int],
    at_once: int,
    workspace: Workspace,
) -> float:
    """Seconds that one more trial adds to a search: between the ends of two, by how many lie between them."""
    ends: dict[int, float] = {}

    def hear(progress: SearchProgress) -> None:
        ends.setdefault(progress.done, time.monotonic())

    first, last = counted
    search(setup, space, last, at_once, workspace, hear)
    return (ends[last] - ends[first]) / (last - first)


def search(
    setup: TrialSetup,
    space: Mapping[str, object],
    trials: int,
    at_once: int,
    workspace: Workspace,
    on_progress: Callable[[SearchProgress], None] | None = None,
) -> SearchResult:
    """One random search from its beginning; a trial that fails ends the program."""
    spec = Search.model_validate(
        {"algorithm": "random", "scheduler": "none", "trials": trials, "concurrency": at_once, "space": space}
    )
    with tempfile.TemporaryDirectory(dir=workspace.home) as folder:
        found = tuning.tune(setup, spec, workspace, Path(folder), 1, on_progress=on_progress)
    reasons = [found.broken, *(each.reason for each in found.trials)]
    if any(reasons) or len(found.trials) != trials:
        raise SystemExit(
            f"a search of {trials} trials ended with {len(found.trials)}: {next(filter(None, reasons), '')}"
        )
    return found


PARTS = {"overhead": overhead, "scaling": scaling, "memory": memory, "tracking": tracking_of}

if __name__ == "__main__":
    main()
