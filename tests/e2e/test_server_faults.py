"""Servers that go away and come back in the middle of work: nothing is lost, and nothing is half promoted."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from support.registered import register_versions
from support.servers import TINY, Server, mlflow_server, paredown, prefect_server, running

from flows.services.service_catalog import ask
from tasks import tracking
from tasks.tracking.versions import promote_version, roll_back, versions_of

pytestmark = pytest.mark.e2e

AWAY = 20.0
"""Seconds for which a server is away, beside those that it takes to start."""


def come_back(server: Server) -> threading.Thread:
    """Kills the server, and starts it again a while later."""

    def later() -> None:
        time.sleep(AWAY)
        server.start()

    server.kill()
    thread = threading.Thread(target=later)
    thread.start()
    return thread


def test_a_run_outlives_a_prefect_server_that_restarts(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    with running(prefect_server(tmp_path)) as server:
        api = server.health.removesuffix("/health")
        run = paredown(tmp_path, "optimize", "tiny.yaml", PREFECT_API_URL=api)
        run.until("preprocess  ")
        back = come_back(server)
        assert run.ends() == 0, run.text()
        back.join()
        assert "Traceback" not in run.text()
        assert b'"state_type":"COMPLETED"' in ask(f"{api}/flow_runs/filter", {})


def test_a_run_outlives_an_mlflow_server_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    with running(mlflow_server(tmp_path)) as server:
        uri = server.health.removesuffix("/health")
        run = paredown(tmp_path, "optimize", "tiny.yaml", MLFLOW_TRACKING_URI=uri)
        run.until("score the baseline on train  ")  # next, all that was found is written to MLflow
        back = come_back(server)
        assert run.ends() == 0, run.text()
        back.join()
        [version] = versions_of(uri, "tiny")
        assert version.aliases == ("champion",)
        found = tracking.open_client(uri).get_run(tracking.open_client(uri).get_model_version("tiny", "1").run_id)
        assert found.info.status == "FINISHED"
        assert found.data.metrics


def test_a_promotion_outlives_an_mlflow_server_that_is_away(tmp_path: Path) -> None:
    with running(mlflow_server(tmp_path)) as server:
        uri = server.health.removesuffix("/health")
        register_versions(uri, "away", 2)
        back = come_back(server)
        record = promote_version(uri, "away", 2, "new")
        back.join()
        assert (record.version, record.aliases) == (2, ("champion",))
        back = come_back(server)
        record = roll_back(uri, "away", "bad")
        back.join()
        assert (record.version, record.aliases) == (1, ("champion",))
        left = tracking.open_client(uri).get_registered_model("away").aliases
        assert {alias: int(number) for alias, number in left.items()} == {"champion": 1}
