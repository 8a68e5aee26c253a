"""Runs: opens, records and closes MLflow runs: a parent run per flow run, a child run per candidate or search."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.tracking.client import child, key_tags, open_client, place_of, quoted
from tasks.tracking.run_writer import RunContent, Status, close, write


def open_run(
    uri: str,
    experiment: str,
    name: str,
    key: str,
    parameters: Mapping[str, Any],
    tags: Mapping[str, str],
    artifact_root: Path | None = None,
) -> str:
    """Opens the parent run of a flow run and returns its run id.

    The run with this `key` is continued unless it has finished; otherwise a new run begins.

    Args:
        uri: the tracking URI.
        experiment: name of the experiment; created if it does not exist.
        name: name of a new run.
        key: by which the run is found again.
        parameters: as `RunContent.parameters`.
        tags: the run's tags.
        artifact_root: folder for the artifacts of a new experiment, with SQLite only. None: `artifacts` beside the
            database. A server chooses the place itself.

    Raises:
        InputError: the experiment was deleted in MLflow.
    """
    client = open_client(uri)
    place = place_of(client, uri, experiment, artifact_root)
    wanted = f"tags.`paredown.kind` = 'flow' and tags.`paredown.key` = {quoted(key)}"
    found = client.search_runs([place], f"{wanted} and attributes.status != 'FINISHED'", max_results=1)
    run = found[0] if found else client.create_run(place, run_name=name, tags=key_tags("flow", key))
    if run.info.status != "RUNNING":
        client.update_run(run.info.run_id, status="RUNNING")
    write(client, run, RunContent(parameters=parameters, tags=tags))
    return str(run.info.run_id)


def record_child(uri: str, parent: str, name: str, key: str, content: RunContent) -> str:
    """Records a finished run below `parent`, for a candidate or a search, and returns its run id.

    A run with the same parent and key is written again: a metric that changed gets a new latest value; parameters
    cannot change, because MLflow refuses it.

    Raises:
        InputError: an artifact's path leads out of the run's folder.
    """
    client = open_client(uri)
    run = child(client, parent, name, key)
    write(client, run, content)
    close(client, run, "FINISHED")
    return str(run.info.run_id)


def attach(uri: str, run: str, content: RunContent) -> None:
    """Adds content to an existing run and leaves its status unchanged.

    Raises:
        InputError: an artifact's path leads out of the run's folder.
    """
    client = open_client(uri)
    write(client, client.get_run(run), content)


def close_run(uri: str, run: str, status: Status) -> None:
    """Ends a run; a run that has this status already keeps its end time."""
    client = open_client(uri)
    close(client, client.get_run(run), status)
