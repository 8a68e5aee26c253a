"""Tracking: a flow run in MLflow: one parent run, a child per candidate or search, trials under their search.

Every call names its server and its run; nothing depends on MLflow's active run or on its global address.
Every call may be repeated: a run is found again by its key, and only what it does not hold yet is added.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tasks.artifacts import InputError
from tasks.artifacts.flat import cut, dotted, plain_name
from tasks.artifacts.quiet import keep_quiet
from tasks.artifacts.staging import create_once, staged

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run
    from mlflow.tracking import MlflowClient

    from tasks.tuning import Trial

Status = Literal["FINISHED", "FAILED", "KILLED"]
Curve = Sequence[tuple[int, float]]
"""Pairs (step, value)."""

LONGEST_PARAMETER = 500
LONGEST_TAG = 5000
SQLITE = "sqlite:///"


def connect(uri: str) -> MlflowClient:
    """A client of tracking and registry at one address, without MLflow's chatter; errors still show."""
    keep_quiet()
    from mlflow.tracking import MlflowClient

    if uri.startswith(SQLITE):
        # MLflow's migrations bear no kill and no company.
        create_once(database_file(uri), lambda new: MlflowClient(f"{SQLITE}{new}").search_experiments(max_results=1))
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def database_file(uri: str) -> Path:
    """The file of an SQLite address."""
    return Path(uri.removeprefix(SQLITE).partition("?")[0])


def open_run(
    uri: str,
    experiment: str,
    name: str,
    key: str,
    parameters: Mapping[str, Any],
    tags: Mapping[str, str],
    artifact_root: Path | None = None,
) -> str:
    """The parent run of one flow run; returns its run id.

    The run with this `key` is taken up again unless it has finished; else a new one begins. Nested parameters
    become dotted paths; those over 500 characters are cut, and `parameters.json` has them whole. With SQLite
    a new experiment's artifacts go under `artifact_root` (absent: `artifacts` beside the database); a server
    decides itself.

    Raises:
        InputError: the experiment was deleted in MLflow.
    """
    client = connect(uri)
    place = _experiment(client, uri, experiment, artifact_root)
    wanted = f"tags.`paredown.kind` = 'flow' and tags.`paredown.key` = {quoted(key)}"
    found = client.search_runs([place], f"{wanted} and attributes.status != 'FINISHED'", max_results=1)
    run = found[0] if found else client.create_run(place, run_name=name, tags=_marks("flow", key))
    if run.info.status != "RUNNING":
        client.update_run(run.info.run_id, status="RUNNING")
    _write(client, run, parameters=parameters, tags=tags)
    return str(run.info.run_id)


def record_child(
    uri: str,
    parent: str,
    name: str,
    key: str,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    curves: Mapping[str, Curve],
    files: Mapping[str, Path],
    texts: Mapping[str, str],
    tags: Mapping[str, str],
) -> str:
    """One finished run under `parent`, found again by (parent, key), for a candidate or a search; its run id.

    `files` and `texts` map paths inside the run's artifacts to a file and to content; a curve takes the place
    of a metric of its name. Recorded again, a number that changed becomes the latest of its name; parameters
    never change (MLflow refuses).

    Raises:
        InputError: an artifact's path leaves the run's folder.
    """
    client = connect(uri)
    experiment = client.get_run(parent).info.experiment_id
    run = _children(client, experiment, parent, "child", key).get(key)
    run = run or client.create_run(experiment, run_name=name, tags=_marks("child", key, parent))
    _write(client, run, parameters, metrics, curves, files, texts, tags)
    _close(client, run, "FINISHED")
    return str(run.info.run_id)


def record_trials(uri: str, parent: str, trials: Sequence[Trial]) -> None:
    """The finished trials of a search, nested under its run; those that are there already are passed over.

    The search's own run gets the curve `trial.score` by trial number. A trial costs three calls: MLflow takes
    neither parameters nor an end when it creates a run, and has no call that spans runs.
    """
    client = connect(uri)
    search = client.get_run(parent)
    known = _children(client, search.info.experiment_id, parent, "trial")
    for trial in trials:
        run = known.get(str(trial.number))
        if run is None or run.info.status == "RUNNING":
            _record_trial(client, search, run, trial)
    scores = [(trial.number, trial.score) for trial in trials if trial.score is not None]
    _write(client, search, curves={"trial.score": scores})


def _record_trial(client: MlflowClient, search: Run, run: Run | None, trial: Trial) -> None:
    marks = _marks("trial", str(trial.number), search.info.run_id) | {"paredown.state": trial.state}
    start = int((time.time() - trial.seconds) * 1000)  # MLflow shows the difference as the trial's duration
    run = run or client.create_run(search.info.experiment_id, start, marks, f"trial {trial.number}")
    metrics = {"epochs": float(len(trial.curve)), "seconds": trial.seconds}
    metrics |= {} if trial.score is None else {"score": trial.score}
    _write(client, run, trial.point, metrics, {"score.by_epoch": trial.curve})
    _close(client, run, "FAILED" if trial.state == "failed" else "FINISHED")


def attach(
    uri: str,
    run: str,
    files: Mapping[str, Path],
    texts: Mapping[str, str],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
) -> None:
    """Adds to a run that is there; its status stays. Raises InputError as `record_child` does."""
    client = connect(uri)
    _write(client, client.get_run(run), metrics=metrics, files=files, texts=texts, tags=tags)


def close_run(uri: str, run: str, status: Status) -> None:
    """Ends a run; one that ended in this way already keeps its time."""
    client = connect(uri)
    _close(client, client.get_run(run), status)


def _close(client: MlflowClient, run: Run, status: Status) -> None:
    if run.info.status != status:
        client.set_terminated(run.info.run_id, status)


def _marks(kind: str, key: str, parent: str | None = None) -> dict[str, str]:
    marks = {"paredown.kind": kind, "paredown.key": key, "mlflow.source.name": "paredown"}
    return marks | ({"mlflow.parentRunId": parent} if parent else {})


def _experiment(client: MlflowClient, uri: str, name: str, artifact_root: Path | None) -> str:
    """The experiment's id. Two processes may create it at once: the second finds the first one's."""
    from mlflow.exceptions import MlflowException

    location = None
    if uri.startswith(SQLITE):
        location = (artifact_root or database_file(uri).parent / "artifacts").absolute().as_uri()
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    if found.lifecycle_stage == "deleted":
        raise InputError("the MLflow experiment was deleted: restore it or rename", path="name", value=name)
    return str(found.experiment_id)


def _children(client: MlflowClient, experiment: str, parent: str, kind: str, key: str | None = None) -> dict[str, Run]:
    """The runs of one kind under `parent` by their key: all of them, or the one with `key`."""
    wanted = f"tags.`mlflow.parentRunId` = '{parent}' and tags.`paredown.kind` = '{kind}'"
    wanted += f" and tags.`paredown.key` = {quoted(key)}" if key is not None else ""
    found: dict[str, Run] = {}
    token = None
    while True:
        page = client.search_runs([experiment], wanted, max_results=1000, page_token=token)
        found |= {run.data.tags["paredown.key"]: run for run in page}
        token = page.token
        if not token:
            return found


def quoted(text: str) -> str:
    """A string of MLflow's filter language, which has two quotes and no escapes."""
    if "'" in text and '"' in text:
        raise InputError("a name must not hold both kinds of quotation marks", value=text)
    return f'"{text}"' if "'" in text else f"'{text}'"


def _write(
    client: MlflowClient,
    run: Run,
    parameters: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    curves: Mapping[str, Curve] | None = None,
    files: Mapping[str, Path] | None = None,
    texts: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    from mlflow.entities import Metric, Param, RunTag

    flat = dotted(parameters or {})
    long = {name: text for name, text in flat.items() if len(text) > LONGEST_PARAMETER}
    texts = dict(texts or {}) | ({"parameters.json": json.dumps(flat, indent=2)} if long else {})
    now = int(time.time() * 1000)
    series = {name: [(0, value)] for name, value in (metrics or {}).items()} | dict(curves or {})
    points = [Metric(plain_name(name), float(y), now, x) for name, curve in series.items() for x, y in curve]
    # MLflow takes 1,000 entities in one call, of them 100 parameters and 100 tags.
    batches = zip_longest(
        _chunks(_new(client, run, points), 800),
        _chunks([Param(plain_name(name), cut(text, LONGEST_PARAMETER)) for name, text in flat.items()], 100),
        _chunks([RunTag(plain_name(name), cut(text, LONGEST_TAG)) for name, text in (tags or {}).items()], 100),
        fillvalue=(),
    )
    if files or texts:
        with staged(files or {}, texts) as folder:
            client.log_artifacts(run.info.run_id, str(folder))
    for batch_points, params, marks in batches:
        client.log_batch(run.info.run_id, batch_points, params, marks, synchronous=True)


def _new(client: MlflowClient, run: Run, points: list[Metric]) -> list[Metric]:
    """The points that the run does not hold; another value at a known step counts, and becomes the latest."""
    held: dict[tuple[str, int], str] = {}
    for name in {point.key for point in points} & run.data.metrics.keys():
        history = sorted(client.get_metric_history(run.info.run_id, name), key=lambda point: point.timestamp)
        held |= {(name, point.step): repr(float(point.value)) for point in history}
    return [point for point in points if held.get((point.key, point.step)) != repr(point.value)]


def _chunks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[at : at + size] for at in range(0, len(items), size)]
