"""Environment: where things are on this machine; every dependency is quiet, and nothing calls home."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from flows.services.health_checks import check_servers
from flows.services.orphaned_servers import stop_orphans
from tasks.core import InputError, Workspace
from tasks.core.env_defaults import apply_env_defaults

ROOM = 256 * 2**20
"""Bytes that must be free under the home before a run starts."""


def home() -> Path:
    """`PAREDOWN_HOME`, or `.paredown` in the working directory."""
    return Path(os.environ.get("PAREDOWN_HOME") or ".paredown").resolve()


def prepare_environment() -> Workspace:
    """Checks the home and the servers, sets every dependency's environment, and says where things are.

    Must run before Prefect, Ray or MLflow are imported: they read their environment once.

    Raises:
        InputError: the home cannot be written or is full, or a server that is asked for does not answer.
    """
    place = home()
    check_home(place)
    # The user's own modules are found from the working directory, also by workers.
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    paths = [here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    apply_env_defaults()
    for name, value in _places(place).items():
        os.environ.setdefault(name, value)
    if os.environ.get("RAY_ADDRESS", "local").startswith(("local", "127.0.0.1:")):
        # Unless this is off, Ray takes the loopback address for the machine's outer one and listens there.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    check_servers(os.environ)
    stop_orphans(Path(os.environ["PREFECT_HOME"]))
    tracking = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{place / 'mlflow.db'}"
    return Workspace(home=place, tracking_uri=tracking, device=os.environ.get("PAREDOWN_DEVICE", "cpu"))


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
    """Writes a probe under the home.

    Raises:
        InputError: it cannot be made or written, or has less than 256 MiB of room.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
        # Without a buffer, which would fail to be written once more when the file is closed and removed.
        with tempfile.NamedTemporaryFile(dir=place, prefix=".probe-", buffering=0) as probe:
            probe.write(b"\0" * 4096)
    except OSError as error:
        law = f"must be a folder that can be written ({error.strerror})"
        raise InputError(law, path="PAREDOWN_HOME", value=str(place)) from None
    free = shutil.disk_usage(place).free
    if free < ROOM:
        law = f"must be a folder with {ROOM // 2**20} MiB free, but {place} has {free // 2**20} MiB"
        raise InputError(law, path="PAREDOWN_HOME")
