"""Deployments: every recipe has one, every file is what it says, and a schedule and a run are seen through a server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil
import pytest
import yaml

from flows.recipe.loading import load_recipe
from flows.services import processes
from flows.services.deployment_catalog import FLOWS
from tasks.core.env_defaults import apply_env_defaults

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deployments"
SHORT = [
    "name=tiny-iris",
    "data={source: sklearn:iris}",
    *("model={}", "preprocess=[]", "augment=[]", "search=null"),
    "train={epochs: 1}",
    "compress={branches: [{name: int8, steps: [{step: int8}]}]}",
    "goal={max_drop: 1.0, minimize: bytes}",
    "runtime={processes: 3, engine: onnxruntime}",
]
"""Makes a run of the shipped digits a short one."""


def test_the_image_copies_what_exists() -> None:
    lines = (FOLDER / "Dockerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]]
    assert {"flows", "tasks", "conf", "deployments", "requirements.lock"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)
    assert lines.index("USER paredown") < lines.index('CMD ["paredown", "--help"]')


def test_ray_takes_the_cluster_file() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    content = yaml.safe_load((FOLDER / "ray-cluster.yaml").read_text())
    validate_config(prepare_config(content))
    kinds = content["available_node_types"]
    assert set(kinds) == {"head", "cpu", "gpu"}
    assert kinds["head"]["resources"] == {"CPU": 0}
    assert kinds["cpu"]["min_workers"] == kinds["gpu"]["min_workers"] == 0, "they come when a search asks for them"
    [(there, here)] = content["file_mounts"].items()
    assert {"--env=RAY_AUTH_MODE=token", f"--env=RAY_AUTH_TOKEN_PATH={there}"} <= set(content["docker"]["run_options"])
    assert here == ".paredown/ray-token", "where the first command of Paredown makes it"


def test_the_page_names_files_that_exist() -> None:
    named = re.findall(r"deployments/[\w.-]+\w|`([\w-]+\.yaml|Dockerfile)`", (FOLDER / "README.md").read_text())
    assert {name for name in named if name} == {"compose.yaml", "Dockerfile", "ray-cluster.yaml"}
    assert all((FOLDER / name).exists() for name in named if name)


# --- with servers -------------------------------------------------------------------------------------------


def paredown(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Prefect looks for schedules that were switched on once a minute.
    often = {"PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5"}
    environment = {**os.environ, **often, "PAREDOWN_HOME": str(home), "COLUMNS": "150"}
    del environment["PREFECT_HOME"]
    command = [sys.executable, "-m", "flows.cli.app", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def belonging_to(home: Path) -> list[psutil.Process]:
    names = ("prefect", "mlflow", "ray", "worker", "watch")
    return [process for name in names for process in processes.members(home / "services", name)]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Asks the Prefect server of a `paredown up` in a home of its own: (path, body) → answer."""
    apply_env_defaults()
    home = tmp_path_factory.mktemp("site")
    up = paredown(home, "up", "--no-ray")
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        found = re.search(r"^export PREFECT_API_URL=(\S+) MLFLOW_TRACKING_URI=\S+$", up.stdout, re.MULTILINE)
        assert found, up.stdout

        def ask(path: str, body: Any = None, method: str | None = None) -> Any:
            data = None if body is None else json.dumps(body).encode()
            request = Request(found[1] + path, data, {"Content-Type": "application/json"}, method=method)
            with urlopen(request, timeout=100) as reply:
                return json.loads(reply.read() or b"null")

        yield ask
    finally:
        down = paredown(home, "down")
    assert down.returncode == 0, down.stderr
    assert all(f"stopped {name} " in down.stdout for name in ("worker", "mlflow", "prefect"))
    assert belonging_to(home) == []


def until(answer: Callable[[], Any], seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while not (found := answer()):
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.3)
    return found


@pytest.mark.e2e
def test_up_serves_deployments_schedules_and_runs(api: Callable[..., Any]) -> None:
    """The slowest test of the project, about a minute: the servers start once for all that is looked at."""
    flows = {each["id"]: each["name"] for each in api("/flows/filter", {})}
    deployed = {(flows[each["flow_id"]], each["name"]): each for each in api("/deployments/filter", {})}
    names = sorted(load_recipe(file).name for file in (ROOT / "conf").rglob("*.yaml"))
    assert sorted(deployed) == sorted((flow, name) for flow in FLOWS for name in names)
    assert all(schedule["active"] is False for each in deployed.values() for schedule in each["schedules"])

    digits = deployed["optimize", "digits"]
    form = digits["parameter_openapi_schema"]
    assert form["properties"].keys() == {"recipe", "overrides"}
    assert form["properties"]["recipe"]["enum"] == names

    run = api(f"/deployments/{digits['id']}/create_flow_run", {"parameters": {"overrides": SHORT}})
    schedule = digits["schedules"][0]
    api(f"/deployments/{digits['id']}/schedules/{schedule['id']}", {"active": True}, "PATCH")
    scheduled = {
        "deployments": {"id": {"any_": [digits["id"]]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    nights = until(lambda: [each for each in api("/flow_runs/filter", scheduled) if each["auto_scheduled"]])
    assert {each["expected_start_time"][11:19] for each in nights} == {"03:00:00"}
    assert nights[0]["parameters"] == {"recipe": "digits"}

    ended = until(lambda: (now := api(f"/flow_runs/{run['id']}"))["end_time"] and now, 400)
    assert (ended["name"], ended["state_type"]) == ("tiny-iris", "COMPLETED"), ended["state"]["message"]
