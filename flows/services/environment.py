"""Environment: the home folder, the servers, and settings that keep dependencies from logging and telemetry."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from flows.services.devices import settle_device
from flows.services.health_checks import check_servers
from flows.services.safety.orphaned_servers import stop_orphans
from flows.services.safety.passwords import read_credentials
from tasks.core import InputError, Workspace
from tasks.core.env_defaults import apply_env_defaults

ROOM = 256 * 2**20
"""Bytes that must be free on the home folder's disk before a run starts: 256 MiB."""


def home() -> Path:
    """The home folder: `PAREDOWN_HOME`, or `.paredown` in the working directory; an absolute path."""
    return Path(os.environ.get("PAREDOWN_HOME") or ".paredown").resolve()


def prepare_environment() -> Workspace:
    """Checks the home folder and the servers, sets the environment of every dependency, and returns the workspace.

    Must run before Prefect, Ray or MLflow is imported: they read their environment once. Variables that are already
    set keep their value, except `PYTHONPATH`, which gets the working directory in front. Also ends embedded Prefect
    servers that killed runs left behind.

    Raises:
        InputError: the home folder is not writable or its disk is full, or a server that the environment names does
            not answer, or PAREDOWN_DEVICE names no device of this machine, or PAREDOWN_PASSWORD is too short.
    """
    place, device = home(), settle_device()
    check_home(place)
    # The user's own modules are imported from the working directory, by workers too.
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    paths = [here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    apply_env_defaults()
    credentials = read_credentials(os.environ)
    for name, value in (_places(place) | (credentials.for_clients() if credentials else {})).items():
        os.environ.setdefault(name, value)
    if os.environ.get("RAY_ADDRESS", "local").startswith(("local", "127.0.0.1:")):
        # Unless this is off, Ray replaces the loopback address by the machine's outer one and listens there.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    check_servers(os.environ)
    stop_orphans(Path(os.environ["PREFECT_HOME"]))
    tracking = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{place / 'mlflow.db'}"
    return Workspace(home=place, tracking_uri=tracking, device=device)


def _places(place: Path) -> dict[str, str]:
    token = place / "ray-token"
    if "RAY_AUTH_TOKEN_PATH" not in os.environ and not token.exists():
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32))
    return {
        "PREFECT_HOME": str(place / "prefect"),
        "PREFECT_LOCAL_STORAGE_PATH": str(place / "prefect" / "results"),
        "RAY_AUTH_TOKEN_PATH": str(token),
    }


def check_home(place: Path) -> None:
    """Creates the home folder if it is missing, and writes a temporary file in it.

    Raises:
        InputError: it cannot be created or written, or less than 256 MiB are free.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
        # Unbuffered: on a full disk, a buffer would fail a second time when the file is closed and removed.
        with tempfile.NamedTemporaryFile(dir=place, prefix=".probe-", buffering=0) as probe:
            probe.write(b"\0" * 4096)
    except OSError as error:
        law = f"must be a folder that can be written ({error.strerror})"
        raise InputError(law, path="PAREDOWN_HOME", value=str(place)) from None
    free = shutil.disk_usage(place).free
    if free < ROOM:
        law = f"must be a folder with {ROOM // 2**20} MiB free, but {place} has {free // 2**20} MiB"
        raise InputError(law, path="PAREDOWN_HOME")
