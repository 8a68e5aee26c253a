"""Runs: one parent run for a flow run, a child per candidate or search."""

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
    """The parent run of one flow run; returns its run id.

    The run with this `key` is taken up again unless it has finished; else a new one begins. Nested parameters
    become dotted paths; those over 500 characters are cut, and `parameters.json` has them whole. With SQLite
    a new experiment's artifacts go under `artifact_root` (absent: `artifacts` beside the database); a server
    decides itself.

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
    """One finished run under `parent`, found again by (parent, key), for a candidate or a search; its run id.

    Recorded again, a number that changed becomes the latest of its name; parameters never change (MLflow refuses).

    Raises:
        InputError: an artifact's path leaves the run's folder.
    """
    client = open_client(uri)
    run = child(client, parent, name, key)
    write(client, run, content)
    close(client, run, "FINISHED")
    return str(run.info.run_id)


def attach(uri: str, run: str, content: RunContent) -> None:
    """Adds to a run that is there; its status stays. Raises InputError as `record_child` does."""
    client = open_client(uri)
    write(client, client.get_run(run), content)


def close_run(uri: str, run: str, status: Status) -> None:
    """Ends a run; one that ended in this way already keeps its time."""
    client = open_client(uri)
    close(client, client.get_run(run), status)
