"""An MLflow server that goes away in the middle of a promotion and comes back: nothing is half promoted."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from support.registered import register_versions

from tasks import tracking
from tasks.tracking.versions import promote_version, roll_back

AWAY = 10.0
"""Seconds for which it is away."""


def start_server(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """MLflow's own server, once it answers."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/files"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    for _ in range(600):
        try:
            urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
        except OSError:
            time.sleep(0.5)
        else:
            return process
    raise TimeoutError("MLflow's server does not answer")


def stop_server(process: subprocess.Popen[bytes]) -> None:
    subprocess.run(["kill", "-9", f"-{process.pid}"], check=True)
    process.wait()


@pytest.mark.e2e
def test_a_promotion_outlives_a_server_that_is_away(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    uri, servers = f"http://127.0.0.1:{port}", [start_server(tmp_path, port)]

    def come_back() -> None:
        time.sleep(AWAY)
        servers.append(start_server(tmp_path, port))

    try:
        register_versions(uri, "away", 2)
        for act, champion in (
            (lambda: promote_version(uri, "away", 2, "new"), 2),
            (lambda: roll_back(uri, "away", "bad"), 1),
        ):
            stop_server(servers[-1])
            later = threading.Thread(target=come_back)
            later.start()
            record = act()
            later.join()
            assert (record.version, record.aliases) == (champion, ("champion",))
        left = tracking.open_client(uri).get_registered_model("away").aliases
        assert {alias: int(number) for alias, number in left.items()} == {"champion": 1}
    finally:
        stop_server(servers[-1])
