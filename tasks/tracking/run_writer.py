"""Run writer: writes content to an MLflow run in as few calls as possible, and writes nothing twice."""

from __future__ import annotations

import json
import posixpath
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tasks.tracking.metric_names import dotted, plain_name, shorten
from tasks.tracking.staging import staged

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Metric, Run
    from mlflow.tracking import MlflowClient

Status = Literal["FINISHED", "FAILED", "KILLED"]
Curve = Sequence[tuple[int, float]]
"""Pairs (step, value)."""

LONGEST_PARAMETER = 500
LONGEST_TAG = 5000
LONGEST_NAME = 250
LONGEST_DIGEST = 36
LARGEST = 1.7976931348623157e308
"""The value that MLflow stores for infinity."""


NOTE = "mlflow.note.content"
"""The tag with the description of a run, in Markdown, which MLflow's pages show on top of it."""


@dataclass(frozen=True)
class DatasetRecord:
    """The data of a run."""

    name: str
    digest: str
    """Identifies the content; MLflow keeps the first 36 characters."""
    source: str
    """A file, a folder, or another name of the source."""
    counts: Mapping[str, int]
    """Part (train, validation, …) → number of examples."""


@dataclass(frozen=True)
class RunContent:
    """Content to be added to a run."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Nested values become dotted paths. A text of more than 500 characters is cut, and then the artifact
    `parameters.json` contains all parameters in full."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)
    """A curve replaces a metric of the same name."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Path inside the run's artifacts → file to upload."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Path inside the run's artifacts → content of a text file."""
    tags: Mapping[str, str] = field(default_factory=dict)
    dataset: DatasetRecord | None = None


def write(client: MlflowClient, run: Run, content: RunContent) -> None:
    """Adds content to a run: the dataset and the artifacts first, then metrics, parameters and tags in batches.

    Raises:
        InputError: an artifact's path leads out of the run's folder.
    """
    from mlflow.entities import Metric, Param, RunTag

    flat = dotted(content.parameters)
    long = {name: text for name, text in flat.items() if len(text) > LONGEST_PARAMETER}
    texts = dict(content.texts) | ({"parameters.json": json.dumps(flat, indent=2)} if long else {})
    now = int(time.time() * 1000)
    series = {name: [(0, value)] for name, value in content.metrics.items()} | dict(content.curves)
    named = {allowed(name): curve for name, curve in series.items()}
    points = [Metric(name, _bounded(y), now, x) for name, curve in named.items() for x, y in curve]
    params = {allowed(name): shorten(text, LONGEST_PARAMETER) for name, text in flat.items()}
    marks = {allowed(name): shorten(text, LONGEST_TAG) for name, text in content.tags.items()}
    # MLflow takes at most 1,000 entities in one call, among them at most 100 parameters and 100 tags.
    batches = zip_longest(
        _chunks(_new(client, run, points), 800),
        _chunks([Param(*item) for item in params.items()], 100),
        _chunks([RunTag(*item) for item in marks.items()], 100),
        fillvalue=(),
    )
    if content.dataset:
        client.log_inputs(run.info.run_id, [_dataset_input(content.dataset)])
    if content.files or texts:
        with staged(content.files, texts) as folder:
            client.log_artifacts(run.info.run_id, str(folder))
    for some_points, some_params, some_marks in batches:
        client.log_batch(run.info.run_id, some_points, some_params, some_marks, synchronous=True)


def _dataset_input(dataset: DatasetRecord) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    is_local = Path(dataset.source).exists()
    source = {"uri": str(Path(dataset.source).resolve())} if is_local else {"tags": {"source": dataset.source}}
    found = Dataset(
        dataset.name,
        dataset.digest[:LONGEST_DIGEST],
        "local" if is_local else "code",
        json.dumps(source),
        profile=json.dumps(dict(dataset.counts)),
    )
    return DatasetInput(found, [InputTag("mlflow.data.context", "training")])


def close(client: MlflowClient, run: Run, status: Status) -> None:
    """Ends a run; a run that has this status already keeps its end time."""
    if run.info.status != status:
        client.set_terminated(run.info.run_id, status)


def allowed(name: str) -> str:
    """A name that MLflow accepts: plain characters, at most 250, and as a path relative and without `..`."""
    path = posixpath.normpath("/" + plain_name(name).lstrip("/"))
    return path[1 : LONGEST_NAME + 1].rstrip("/") or "-"


def _bounded(value: float) -> float:
    return float(value) if value != value else max(-LARGEST, min(LARGEST, float(value)))


def _new(client: MlflowClient, run: Run, points: list[Metric]) -> list[Metric]:
    """The points that the run does not hold yet, including those with a new value for a known step."""
    held: dict[tuple[str, int], str] = {}
    for name in {point.key for point in points} & run.data.metrics.keys():
        history = sorted(client.get_metric_history(run.info.run_id, name), key=lambda point: point.timestamp)
        held |= {(name, point.step): repr(float(point.value)) for point in history}
    return [point for point in points if held.get((point.key, point.step)) != repr(point.value)]


def _chunks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[at : at + size] for at in range(0, len(items), size)]
