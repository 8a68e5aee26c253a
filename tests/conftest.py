"""The environment of every test: quiet, offline, and nothing of it in the home folder or the repository."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

_folder = tempfile.mkdtemp(prefix="paredown-tests-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
Path(_folder, "ray-token").write_text(token_hex(32))
Path(_folder, "ray-token").chmod(0o600)

for _name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "PREFECT_API_URL", "RAY_ADDRESS"):
    os.environ.pop(_name, None)  # a test never writes to a developer's real servers

for _name, _value in {
    "DO_NOT_TRACK": "1",
    # Small tensors on two cores: a second thread costs more than it brings, and tests run beside each other.
    "OMP_NUM_THREADS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PAREDOWN_HOME": f"{_folder}/paredown",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_HOME": f"{_folder}/prefect",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN_PATH": f"{_folder}/ray-token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "2",
}.items():
    os.environ.setdefault(_name, _value)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One Prefect server with an empty database for all tests that run flows or tasks."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield
