"""Trial table: the trials of a search in its MLflow run, as one table and as curves; a few also as runs of their own.

MLflow has no call that writes several runs, and creates a run without parameters and end time. Therefore a run of its
own costs a trial three calls (80 ms with SQLite), while its row and curve points in the search's run cost a few
milliseconds.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from tasks.search.results import Trial, best_point
from tasks.tracking.client import children, key_tags, open_client
from tasks.tracking.run_writer import RunContent, close, write

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

TABLE = "trials.json"
TABLES = "mlflow.loggedArtifacts"
"""The tag from which MLflow's web pages know the tables of a run."""
BEST = "paredown.best"
"""The tag with the best point so far, as JSON. Parameters cannot change in MLflow, so they are written at the end."""
COLUMNS = ("number", "state", "score", "seconds", "epochs", "point", "measured", "curve", "reason")
RUNS = 20
"""Most trials of a search that get a run of their own."""


def record_trials(uri: str, parent: str, trials: Sequence[Trial]) -> None:
    """Writes the trials of a search to its run; may be called again with the same trials and more.

    The search's run gets the table `trials.json` with all fields except the answers, and curves over the trial number:
    score, seconds, epochs, each measured number, and each number in the points. At most 20 trials (see `notable`) get a
    run of their own with point and curve, for comparison in MLflow. A thousand trials need about 75 calls.

    Args:
        uri: the tracking URI.
        parent: id of the search's run.
        trials: all trials of the search so far.
    """
    client = open_client(uri)
    search = client.get_run(parent)
    record_table(client, search, trials, trials)
    known = children(client, search.info.experiment_id, parent, "trial")
    for trial in notable(trials):
        run = known.get(str(trial.number))
        if run is None or run.info.status == "RUNNING":
            _record_run(client, search, run, trial)


def record_table(client: MlflowClient, search: Run, trials: Sequence[Trial], new: Sequence[Trial]) -> None:
    """Writes the table of `trials`, the best point among them as a tag, and the curve points of the `new` trials."""
    tags = {TABLES: json.dumps([{"path": TABLE, "type": "table"}])}
    best = best_point(trials)
    tags |= {BEST: json.dumps(best, default=str)} if best else {}
    write(client, search, RunContent(curves=trial_curves(new), texts={TABLE: as_table(trials)}, tags=tags))


def _record_run(client: MlflowClient, search: Run, run: Run | None, trial: Trial) -> None:
    tags = key_tags("trial", str(trial.number), search.info.run_id) | {"paredown.state": trial.state}
    start = int((time.time() - trial.seconds) * 1000)  # MLflow shows the difference as the trial's duration
    run = run or client.create_run(search.info.experiment_id, start, tags, f"trial {trial.number}")
    own = {"score": trial.score, "seconds": trial.seconds, "epochs": len(trial.curve)}
    metrics = _numbers({**trial.measured, **own})
    write(client, run, RunContent(trial.point, metrics, {"score.by_epoch": trial.curve}))
    close(client, run, "FAILED" if trial.state == "failed" else "FINISHED")


def notable(trials: Sequence[Trial], limit: int = RUNS) -> list[Trial]:
    """At most `limit` trials, in the order of their numbers.

    Preferred are those that were the best so far when they ended, the latest first; the rest are the best of the
    others.
    """
    incumbents: list[Trial] = []
    for trial in trials:
        if _rank(trial) > (_rank(incumbents[-1]) if incumbents else -math.inf):
            incumbents.append(trial)
    wanted = [*reversed(incumbents), *sorted(trials, key=_rank, reverse=True)]
    chosen = islice({trial.number: trial for trial in wanted}.values(), limit)
    return sorted(chosen, key=lambda trial: trial.number)


def _rank(trial: Trial) -> float:
    return trial.reached if trial.reached is not None and math.isfinite(trial.reached) else -math.inf


def trial_curves(trials: Sequence[Trial]) -> dict[str, list[tuple[int, float]]]:
    """All finite numbers of the trials, as name → pairs (trial number, value)."""
    found: dict[str, list[tuple[int, float]]] = {}
    for trial in trials:
        values = {"trial.score": trial.score, "trial.seconds": trial.seconds, "trial.epochs": len(trial.curve)}
        values |= {f"measured.{name}": value for name, value in trial.measured.items()}
        values |= {f"point.{path}": value for path, value in trial.point.items()}
        for name, value in _numbers(values).items():
            found.setdefault(name, []).append((trial.number, value))
    return found


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    numbers = {name: value for name, value in values.items() if isinstance(value, (int, float))}
    return {name: float(n) for name, n in numbers.items() if not isinstance(n, bool) and math.isfinite(n)}


def as_table(trials: Sequence[Trial]) -> str:
    """The trials as a table in MLflow's JSON format, one row each.

    MLflow's web page reads strict JSON and treats a dot in a column's name as access to a nested object. Therefore NaN
    occurs only inside texts, and nested values are JSON texts.
    """
    rows = [
        (
            trial.number,
            trial.state,
            *(_numbers({"": number}).get("") for number in (trial.score, trial.seconds)),
            len(trial.curve),
            *(json.dumps(nested, default=str) for nested in (trial.point, dict(trial.measured), trial.curve)),
            trial.reason,
        )
        for trial in trials
    ]
    return json.dumps({"columns": COLUMNS, "data": rows}, allow_nan=False)


def from_table(text: str) -> tuple[Trial, ...]:
    """The trials of a table that `as_table` wrote, without their answers.

    Raises:
        ValueError, KeyError, TypeError: the table has another format or is damaged.
    """
    table = json.loads(text)
    return tuple(_trial(dict(zip(table["columns"], row, strict=True))) for row in table["data"])


def _trial(row: Mapping[str, Any]) -> Trial:
    point, measured, curve = (json.loads(row[name]) for name in ("point", "measured", "curve"))
    return Trial(
        number=int(row["number"]),
        point=dict(point),
        score=None if row["score"] is None else float(row["score"]),
        curve=tuple((int(epoch), float(score)) for epoch, score in curve),
        state=row["state"],
        seconds=float(row["seconds"] or 0.0),
        measured=dict(measured),
        reason=row["reason"],
    )
