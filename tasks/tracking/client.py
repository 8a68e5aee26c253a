"""MLflow client: opens it for one tracking URI; finds experiments, child runs and registered models."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from tasks.core import InputError, nearest_choice
from tasks.core.env_defaults import apply_env_defaults
from tasks.tracking.staging import create_once

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import RegisteredModel
    from mlflow.tracking import MlflowClient

SQLITE = "sqlite:///"
KIND = {"mlflow.experimentKind": "custom_model_development"}
"""The tag by which MLflow's pages open an experiment in their view of model training."""
PAGES = "http://127.0.0.1:5000"
"""Where `mlflow ui` and `paredown up` serve MLflow's pages, unless the port is taken."""
PATIENCE = 3.0
"""Seconds within which a server must answer; MLflow's own client would try for minutes."""


def open_client(uri: str) -> MlflowClient:
    """An MLflow client whose tracking server and registry are both at `uri`.

    MLflow's log output is suppressed, except for errors. A missing SQLite database is created.
    """
    apply_env_defaults()
    # It writes a traceback of what it raises, too.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    from mlflow.tracking import MlflowClient

    if uri.startswith(SQLITE):
        # MLflow's migrations fail when they are killed or when two processes run them at the same time.
        create_once(database_file(uri), lambda new: MlflowClient(f"{SQLITE}{new}").search_experiments(max_results=1))
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def database_file(uri: str) -> Path:
    """The database file of an SQLite URI (`sqlite:///…`)."""
    return Path(uri.removeprefix(SQLITE).partition("?")[0])


def answers(uri: str) -> bool:
    """Whether the tracking server answers within PATIENCE seconds, or the SQLite file exists.

    Databases other than SQLite are not checked: for them it is True.
    """
    from http.client import HTTPException
    from ssl import SSLError
    from urllib.error import HTTPError
    from urllib.request import urlopen

    if uri.startswith(SQLITE):
        return database_file(uri).exists()
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        return True
    # Credentials and certificates are left to MLflow's client: a server that demands them does answer.
    path, netloc = parts.path.rstrip("/") + "/health", parts.netloc.rpartition("@")[2]
    try:
        urlopen(parts._replace(netloc=netloc, path=path, query="", fragment="").geturl(), timeout=PATIENCE).close()
    except HTTPError:
        return True
    except (OSError, HTTPException) as error:
        return isinstance(getattr(error, "reason", None), SSLError)
    return True


def run_links(uri: str, run: str) -> dict[str, str]:
    """Where people see a run: `MLflow` is its web page. No text holds a password.

    Without a tracking server, `start MLflow` is the command that serves the database at the page's address, as
    `paredown up` does, too.
    """
    client = open_client(uri)
    page = {"MLflow": f"{_pages(uri)}/#/experiments/{client.get_run(run).info.experiment_id}/runs/{run}"}
    has_server = uri.startswith(("http://", "https://"))
    if has_server:
        return page
    database = shlex.quote(uri) if uri.startswith(SQLITE) else '"$MLFLOW_TRACKING_URI"'
    return page | {"start MLflow": f"mlflow ui --backend-store-uri {database}"}


def model_page(uri: str, name: str, version: int) -> str:
    """The web page of a version of a registered model; `paredown up` serves it where there is no tracking server."""
    return f"{_pages(uri)}/#/models/{quote(name, safe='')}/versions/{version}"


def _pages(uri: str) -> str:
    """Where the pages of a tracking server are, without a password."""
    parts = urlsplit(uri if uri.startswith(("http://", "https://")) else PAGES)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl().rstrip("/")


def quoted(text: str) -> str:
    """A text as a string of MLflow's filter language, which has two kinds of quotation marks but no escapes.

    Raises:
        InputError: the text contains both kinds of quotation marks.
    """
    if "'" in text and '"' in text:
        raise InputError("a name must not hold both kinds of quotation marks", value=text)
    return f'"{text}"' if "'" in text else f"'{text}'"


def key_tags(kind: str, key: str, parent: str | None = None) -> dict[str, str]:
    """The tags by which a run is found again: its kind (`flow`, `child`, `trial`), its key and its parent's run id."""
    found = {"paredown.kind": kind, "paredown.key": key, "mlflow.source.name": "paredown"}
    return found | ({"mlflow.parentRunId": parent} if parent else {})


def children(client: MlflowClient, experiment: str, parent: str, kind: str, key: str | None = None) -> dict[str, Run]:
    """The runs of one kind below the run `parent`, by key: all of them, or only the one with `key`."""
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


def child(client: MlflowClient, parent: str, name: str, key: str) -> Run:
    """The child run of `parent` with this key; created if it does not exist."""
    experiment = client.get_run(parent).info.experiment_id
    found = children(client, experiment, parent, "child", key).get(key)
    return found or client.create_run(experiment, run_name=name, tags=key_tags("child", key, parent))


def place_of(client: MlflowClient, uri: str, name: str, artifact_root: Path | None) -> str:
    """The id of the experiment `name`; created if it does not exist, also by two processes at the same time.

    Args:
        client: a client of `uri`.
        uri: the tracking URI.
        name: name of the experiment.
        artifact_root: folder for the artifacts of a new experiment, with SQLite only. None: `artifacts` beside the
            database.

    Raises:
        InputError: the experiment was deleted.
    """
    from mlflow.exceptions import MlflowException

    location = None
    if uri.startswith(SQLITE):
        location = (artifact_root or database_file(uri).parent / "artifacts").absolute().as_uri()
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=location, tags=KIND))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    if found.lifecycle_stage == "deleted":
        raise InputError("the MLflow experiment was deleted: restore it or rename", path="name", value=name)
    for key, value in KIND.items():
        if key not in found.tags:
            client.set_experiment_tag(found.experiment_id, key, value)
    return str(found.experiment_id)


def model_named(client: MlflowClient, name: str) -> RegisteredModel:
    """The registered model of this name.

    Raises:
        InputError: there is none; the message names the most similar one.
    """
    known = registered_models(client)
    if name not in known:
        law = "there must be a registered model of this name" + ("" if known else ", but none is registered")
        raise InputError(law, path="name", value=name, nearest=nearest_choice(name, known))
    return known[name]


def registered_models(client: MlflowClient) -> dict[str, RegisteredModel]:
    """All registered models, by name."""
    known: dict[str, RegisteredModel] = {}
    token = None
    while True:
        page = client.search_registered_models(max_results=1000, page_token=token)
        known |= {model.name: model for model in page}
        token = page.token
        if not token:
            return known
