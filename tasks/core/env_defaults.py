"""Environment defaults: settings that keep dependencies from sending telemetry, advertising and logging.

Each dependency reads its environment when it is imported, so these must be set before.
"""

from __future__ import annotations

import os

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_CLI_PROMPT": "false",
    # With growing pauses, four minutes: a server that restarts on a busy machine is waited for.
    "PREFECT_CLIENT_MAX_RETRIES": "7",
    # Events that a restarting server does not take are dropped, each with a traceback of a page.
    "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL",
    # A busy machine needs longer than the 20 s that Prefect allows its own server by default.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    # The terminal has its own progress; Prefect's records go to its server.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Nothing from outside is executed: MLflow loads no model that is a pickle.
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # A trial stays in the working directory, as the user's relative paths expect.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AUTH_MODE": "token",
}


def apply_env_defaults() -> None:
    """Sets QUIET in this process's environment; variables that are already set keep their value."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
