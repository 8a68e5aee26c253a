"""Tracking: a flow run in MLflow: one parent run, a child per candidate or search, trials under their search.

Every call names its server and its run; nothing depends on MLflow's active run or on its global address.
Every call may be repeated: a run is found again by its key, and only what it does not hold yet is added.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from tasks.artifacts import LOWER_IS_BETTER, Estimate, InputError, Scorecard

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run
    from mlflow.tracking import MlflowClient

Status = Literal["FINISHED", "FAILED", "KILLED"]
Curve = Sequence[tuple[int, float]]
"""Pairs (step, value)."""

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""What MLflow reads on import; whoever sets these outside keeps the last word."""
PATIENCE = 3.0
"""Seconds that a server has to answer `check_server`."""
LONGEST_PARAMETER = 500
LONGEST_TAG = 5000
_SQLITE = "sqlite:///"
_DATABASES = ("postgresql", "mysql", "mssql")


@dataclass(frozen=True)
class Trial:
    """One finished trial of a search, as it is recorded."""

    number: int
    """The trial's place in its search: its key."""
    point: dict[str, Any]
    """Dotted paths of the recipe to values."""
    score: float | None
    """None when the trial failed before its first score."""
    epochs: int
    state: str
    """`failed` becomes MLflow's FAILED; every other state is a finished trial, and stands in a tag."""
    seconds: float
    curve: tuple[tuple[int, float], ...]
    """Pairs (epoch, score)."""


# --- the server ---------------------------------------------------------------------------------------------


def connect(uri: str) -> MlflowClient:
    """A client of tracking and registry at one address, without MLflow's chatter; errors still show."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    if uri.startswith(_SQLITE):
        _create_database(_database(uri))
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _create_database(file: Path) -> None:
    """A new database is made aside and put in place whole: MLflow's migrations bear no kill, no company."""
    if file.exists():
        return
    from mlflow.tracking import MlflowClient

    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".creating-") as folder:
        new = Path(folder) / file.name
        MlflowClient(tracking_uri=f"{_SQLITE}{new}").search_experiments(max_results=1)
        with suppress(FileExistsError):  # another process was faster
            os.link(new, file)


def check_server(uri: str) -> None:
    """Says no before anything is computed: no MLflow server at the address, or a place that takes no file.

    An http(s) server has 3 seconds to answer `/health` as MLflow does. The folder of an SQLite file, or the
    nearest one above it that exists, must take a file. `postgresql`, `mysql` and `mssql` pass unchecked.

    Raises:
        InputError: with the path `MLFLOW_TRACKING_URI`; a password in the address is not repeated.
    """
    scheme = urlsplit(uri).scheme
    if scheme in ("http", "https"):
        problem = _ask_server(_public(uri))
    elif uri.startswith(_SQLITE) and ":memory:" not in uri:
        problem = _try_database(_database(uri))
    elif scheme.split("+")[0] in _DATABASES:
        problem = None
    else:
        problem = f"must begin with http://, https://, {_SQLITE}<file> or one of {', '.join(_DATABASES)}"
    if problem:
        raise InputError(problem, path="MLFLOW_TRACKING_URI", value=_public(uri))


def _public(uri: str) -> str:
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else uri


def _database(uri: str) -> Path:
    return Path(uri.removeprefix(_SQLITE).partition("?")[0])


def _ask_server(uri: str) -> str | None:
    """What is wrong with the server. A thread, because looking up a name knows no time limit of its own."""
    from threading import Thread

    answer = [f"must answer within {PATIENCE:g} seconds"]
    asking = Thread(target=lambda: answer.append(_health(uri)), daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return answer[-1] or None


def _health(uri: str) -> str:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        with urlopen(f"{uri.rstrip('/')}/health", timeout=PATIENCE) as reply:
            healthy = reply.read(64).strip() == b"OK"
    except HTTPError as error:
        healthy = error.code in (401, 403)  # a gate before the server: credentials are MLflow's own matter
    except (OSError, HTTPException, ValueError) as error:
        return f"must be the address of a running MLflow server ({error})"
    return "" if healthy else "must be an MLflow server, but its /health does not answer as one does"


def _try_database(file: Path) -> str | None:
    try:
        folder = next(place for place in file.absolute().parents if place.exists())
        if file.exists() and file.stat().st_size:
            with file.open("r+b") as stream:
                known = stream.read(15) == b"SQLite format 3"
            return None if known else "must be an SQLite database, but the file is something else"
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return f"must be a file that can be written ({error.strerror})"


# --- runs ---------------------------------------------------------------------------------------------------


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
    metrics = {"epochs": float(trial.epochs), "seconds": trial.seconds}
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
    if uri.startswith(_SQLITE):
        location = (artifact_root or _database(uri).parent / "artifacts").absolute().as_uri()
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


# --- what a run holds ---------------------------------------------------------------------------------------


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

    flat = _flat(parameters or {})
    long = {name: text for name, text in flat.items() if len(text) > LONGEST_PARAMETER}
    texts = dict(texts or {}) | ({"parameters.json": json.dumps(flat, indent=2)} if long else {})
    now = int(time.time() * 1000)
    series = {name: [(0, value)] for name, value in (metrics or {}).items()} | dict(curves or {})
    points = [Metric(_name(name), float(y), now, x) for name, curve in series.items() for x, y in curve]
    # MLflow takes 1,000 entities in one call, of them 100 parameters and 100 tags.
    batches = zip_longest(
        _chunks(_new(client, run, points), 800),
        _chunks([Param(_name(name), _cut(text, LONGEST_PARAMETER)) for name, text in flat.items()], 100),
        _chunks([RunTag(_name(name), _cut(text, LONGEST_TAG)) for name, text in (tags or {}).items()], 100),
        fillvalue=(),
    )
    _upload(client, run.info.run_id, files or {}, texts)
    for batch_points, params, marks in batches:
        client.log_batch(run.info.run_id, batch_points, params, marks, synchronous=True)


def _new(client: MlflowClient, run: Run, points: list[Metric]) -> list[Metric]:
    """The points that the run does not hold; another value at a known step counts, and becomes the latest."""
    held: dict[tuple[str, int], str] = {}
    for name in {point.key for point in points} & run.data.metrics.keys():
        history = sorted(client.get_metric_history(run.info.run_id, name), key=lambda point: point.timestamp)
        held |= {(name, point.step): repr(float(point.value)) for point in history}
    return [point for point in points if held.get((point.key, point.step)) != repr(point.value)]


def _upload(client: MlflowClient, run: str, files: Mapping[str, Path], texts: Mapping[str, str]) -> None:
    """One folder of links and texts, sent in one call: an artifact's name is not its file's name."""
    if not files and not texts:
        return
    with tempfile.TemporaryDirectory(prefix="paredown-") as folder:
        for name, file in files.items():
            _inside(Path(folder), name).symlink_to(file.resolve(strict=True))
        for name, text in texts.items():
            _inside(Path(folder), name).write_text(text, encoding="utf-8")
        client.log_artifacts(run, folder)


def _inside(folder: Path, name: str) -> Path:
    place = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts or place == folder:
        raise InputError("an artifact's path must stay inside its run", value=name)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested values as dotted paths to text: a string as it is, anything else as JSON."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value if isinstance(value, str) else json.dumps(value, default=str)
    return flat


def _name(text: str) -> str:
    """MLflow takes letters, digits and `_-. /` in names (a colon not on every system)."""
    return re.sub(r"[^\w\-. /]", "-", text)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _chunks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


# --- scorecards ---------------------------------------------------------------------------------------------


def scorecard_metrics(card: Scorecard) -> dict[str, float]:
    """Every number of a card under a flat name: `validation.accuracy`, `latency.ratio.low`, `size.bytes` …

    Interval ends are `.low` and `.high`, counts `.n`. Only what belongs to a split bears its name.
    """
    split, latency, size = card.split, card.latency, card.size
    metrics = dict(_interval(f"{split}.{card.metric}", card.score))
    metrics |= _interval(f"{split}.drop", card.drop.estimate)
    metrics |= {f"{split}.drop.margin": card.drop.margin}
    metrics |= {} if card.drop.needed is None else {f"{split}.drop.needed": float(card.drop.needed)}
    metrics |= {"latency.median_ms": latency.median_ms, "latency.p95_ms": latency.p95_ms}
    metrics |= {"latency.n": float(latency.n), "latency.processes": float(latency.processes)}
    metrics |= _interval("latency.ratio", latency.ratio)
    metrics |= {"throughput.per_second": card.throughput, "size.ratio": card.size_ratio}
    metrics |= {
        "size.bytes": float(size.bytes),
        "size.parameters": float(size.parameters),
        "size.nonzeros": float(size.nonzeros),
        "size.macs": float(size.macs),
        "size.peak_memory_mb": size.peak_memory_mb,
    }
    for hop in card.parity:
        name = "parity." + re.sub(r"\W+", "-", hop.hop)
        metrics |= {f"{name}.max_difference": hop.max_difference, f"{name}.agreement": hop.agreement}
    return metrics


def _interval(name: str, estimate: Estimate) -> Iterable[tuple[str, float]]:
    ends = {"": estimate.value, ".low": estimate.low, ".high": estimate.high, ".n": float(estimate.n)}
    return ((f"{name}{end}", value) for end, value in ends.items())


def scorecard_tags(card: Scorecard) -> dict[str, str]:
    """What a reader of the registry needs to know of a product: each number with interval, count and host."""
    better = "lower" if card.metric in LOWER_IS_BETTER else "higher"
    return {
        "paredown.candidate": card.candidate,
        "paredown.name": card.name,
        "paredown.host": card.host,
        "paredown.split": card.split,
        "paredown.score": f"{card.metric} {_words(card.score)} examples ({better} is better)",
        "paredown.drop": f"{_words(card.drop.estimate)} examples: {card.drop.verdict} {card.drop.margin:g}",
        "paredown.speedup": f"{_words(card.latency.ratio)} processes: {card.latency.verdict}",
        "paredown.latency": f"median {card.latency.median_ms:.4g} ms, p95 {card.latency.p95_ms:.4g} ms",
        "paredown.size": f"{card.size.bytes} bytes, {card.size_ratio:.4g} times smaller than the baseline",
    }


def _words(estimate: Estimate) -> str:
    return f"{estimate.value:.4g} [{estimate.low:.4g}, {estimate.high:.4g}], 95 %, {estimate.n}"
