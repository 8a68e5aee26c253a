"""The environment of every test: quiet, offline, and nothing of it in the home folder or the repository."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="paredown-tests-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)

for _name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "PREFECT_API_URL", "RAY_ADDRESS"):
    os.environ.pop(_name, None)  # a test never writes to a developer's real servers

for _name, _value in {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PAREDOWN_HOME": f"{_folder}/paredown",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_HOME": f"{_folder}/prefect",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
}.items():
    os.environ.setdefault(_name, _value)
