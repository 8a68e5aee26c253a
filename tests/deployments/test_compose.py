"""The file for containers: healthy, limited, pinned and without a secret of its own. It is read here, and not run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.services.service_catalog import POOL

FOLDER = Path(__file__).resolve().parents[2] / "deployments"
TEXT = (FOLDER / "compose.yaml").read_text()
CONTENT: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = CONTENT["services"]
SECRET = re.compile(r"PASSWORD|AUTH_STRING|CONNECTION_URL|STORE_URI|SECRET")
FILLED = re.compile(r"\$\{(\w+)(:\?|:-)?([^}]*)\}")


def environments() -> list[tuple[str, str, str]]:
    """(service, variable, value) of every variable."""
    pairs = [(name, each) for name, service in SERVICES.items() for each in service.get("environment", {}).items()]
    return [(name, variable, str(value)) for name, (variable, value) in pairs]


def test_containers_are_reached_from_this_machine_only_and_agree_with_each_other() -> None:
    ports = [port for each in SERVICES.values() for port in each.get("ports", [])]
    assert ports == ["${PAREDOWN_ADDRESS:-127.0.0.1}:4200:4200", "${PAREDOWN_ADDRESS:-127.0.0.1}:5000:5000"]
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= SERVICES.keys()
        assert {volume.split(":")[0] for volume in service["volumes"]} <= CONTENT["volumes"].keys()
        assert {each["source"] for each in service.get("configs", ())} <= CONTENT["configs"].keys()
    assert SERVICES["worker"]["environment"]["MLFLOW_TRACKING_URI"] == "http://mlflow:5000"
    assert "--allowed-hosts mlflow:5000," in SERVICES["mlflow"]["command"][-1]
    assert f"--pool {POOL} " in SERVICES["worker"]["command"]
    assert SERVICES["deploy"]["command"] == 'sh -c "paredown deploy conf/*.yaml"'


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_health_check_limits_and_a_pinned_image(name: str) -> None:
    service = SERVICES[name]
    limits = service["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) > 0
    assert re.fullmatch(r"\d+[gm]", limits["memory"])
    if name != "deploy":  # it ends when it is done
        assert {"test", "interval", "timeout", "start_period"} <= service["healthcheck"].keys()
    image = service["image"]
    assert image == "paredown" or re.fullmatch(r"[\w/]+:\d+\.\d+[\w.-]*", image)


def test_there_is_no_secret_in_it() -> None:
    required = {"PAREDOWN_PASSWORD", "PAREDOWN_DATABASE_PASSWORD"}
    assert {name for name, kind, _ in FILLED.findall(TEXT) if kind == ":?"} == required
    assert all(says for _, kind, says in FILLED.findall(TEXT) if kind == ":?"), "each says what to set"
    secrets = [(variable, value) for _, variable, value in environments() if SECRET.search(variable)]
    assert len(secrets) >= 8
    for variable, value in secrets:
        if variable != "MLFLOW_AUTH_CONFIG_PATH":
            assert any(name in required for name, *_ in FILLED.findall(value)), variable
    commands = " ".join(str(service.get("command", "")) for service in SERVICES.values())
    assert "PAREDOWN_PASSWORD" not in commands + str(CONTENT["configs"])
    assert "PAREDOWN_DATABASE_PASSWORD" not in commands


def test_a_connection_of_a_database_takes_its_password_from_the_environment() -> None:
    for service, variable, driver, database in (
        ("prefect", "PREFECT_SERVER_DATABASE_CONNECTION_URL", "asyncpg", "prefect"),
        ("mlflow", "MLFLOW_BACKEND_STORE_URI", "psycopg2", "mlflow"),
    ):
        url = SERVICES[service]["environment"][variable]
        plain = FILLED.sub("letters", url)
        assert plain == f"postgresql+{driver}://paredown:letters@database:5432/{database}"


def test_the_image_has_what_the_services_need() -> None:
    locked = {
        line.partition("==")[0].lower() for line in (FOLDER.parent / "requirements.lock").read_text().splitlines()
    }
    assert {"asyncpg", "psycopg2-binary", "flask-wtf", "wtforms"} <= locked
