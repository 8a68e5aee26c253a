"""Deploying: six flows of each recipe on a real server, updated and not doubled, with choices and schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client

from flows.services.deployed_recipes import DeployedRecipe
from flows.services.deploying import deploy_recipes, form_schemas, travelling
from flows.services.deployment_catalog import EVENT, FLOWS, TITLES, run_form
from flows.services.deployment_schedules import Timing
from tasks.core import InputError

A, B = DeployedRecipe("/models/a.yaml", "/models"), DeployedRecipe("/models/b.yaml", "/models", batches="new")
ELSEWHERE = DeployedRecipe("/other/c.yaml", "/other")


@pytest.fixture
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as found:
        yield found


@pytest.fixture
def register(client: SyncPrefectClient) -> Callable[..., list[str]]:
    """Registers recipes beside known ones; returns the schedules in words."""

    def call(recipes: dict[str, DeployedRecipe], timing: Timing, **known: DeployedRecipe) -> list[str]:
        found = deploy_recipes(recipes, known, str(client.api_url), {"PAREDOWN_HOME": "/home"}, timing)
        assert [each.name for each in found] == [f"{flow}/{name}" for flow in FLOWS for name in recipes]
        return [each.schedule for each in found]

    return call


def test_a_second_deploy_updates_and_leaves_what_somebody_switched(
    client: SyncPrefectClient, register: Callable[..., list[str]]
) -> None:
    assert register({"a": A}, Timing()) == ["0 3 * * * off", "", "30 4 1 * * off", "", "", ""]
    first = client.read_deployment_by_name("optimize/a")
    assert first.entrypoint == "flows.optimize.optimize"
    assert first.job_variables == {"env": {"PAREDOWN_HOME": "/home"}, "working_dir": "/models"}
    assert (first.tags, first.parameters) == (["paredown", "optimize"], {"recipe": "a"})
    assert first.concurrency_options is not None
    assert first.concurrency_options.collision_strategy == "CANCEL_NEW"
    client.update_deployment_schedule(first.id, first.schedules[0].id, active=True)
    [automation] = client.read_automations_by_name(f"{EVENT} of a: retrain")
    client.pause_automation(automation.id)

    assert register({"b": B}, Timing.of("15 2 * * *", True, False), a=A, c=ELSEWHERE)[:2] == [
        "15 2 * * * on",
        "0 * * * * on",
    ]
    assert register({"a": A}, Timing(), b=B, c=ELSEWHERE)[0] == "0 3 * * * on", "as somebody switched it"
    again = client.read_deployment_by_name("optimize/a")
    assert again.id == first.id
    assert again.parameter_openapi_schema is not None
    assert again.parameter_openapi_schema["properties"]["recipe"]["enum"] == ["a", "b"]
    [automation] = client.read_automations_by_name(f"{EVENT} of a: retrain")
    assert not automation.enabled
    assert client.read_deployment_by_name("monitor/b").parameters == {"recipe": "b", "data": "new"}
    assert register({"b": B}, Timing(is_off=True), a=A)[0] == "15 2 * * * off"


def test_the_names_of_others_are_offered_at_once(client: SyncPrefectClient, register: Callable[..., list[str]]) -> None:
    register({"first": A}, Timing())
    register({"second": B}, Timing(), first=A)
    form = client.read_deployment_by_name("promote/first").parameter_openapi_schema
    assert form is not None
    assert form["properties"]["recipe"]["enum"] == ["first", "second"]


def test_new_data_are_a_parameter_and_a_template_is_the_automation_s(
    client: SyncPrefectClient, register: Callable[..., list[str]]
) -> None:
    register({"plain": DeployedRecipe("/w/a.yaml", "/w", new_data="new.csv")}, Timing())
    assert client.read_deployment_by_name("retrain/plain").parameters == {"recipe": "plain", "data": "new.csv"}
    register({"shown": DeployedRecipe("/w/b.yaml", "/w", new_data="./{{ event.payload.source }}")}, Timing())
    assert client.read_deployment_by_name("retrain/shown").parameters == {"recipe": "shown"}
    [automation] = client.read_automations_by_name(f"{EVENT} of shown: retrain")
    assert automation.actions[0].parameters == {"data": "./{{ event.payload.source }}"}  # type: ignore[union-attr]


def test_a_schedule_that_is_none_registers_nothing(
    client: SyncPrefectClient, register: Callable[..., list[str]]
) -> None:
    with pytest.raises(InputError, match=r"^--cron: must be five fields: .*, but got 'at night'"):
        register({"night": A}, Timing({"optimize": "at night"}))
    assert not [each for each in client.read_deployments() if each.name == "night"]


def test_every_field_of_a_form_has_a_title_and_a_help() -> None:
    for flow, schema in form_schemas().items():
        fields: dict[str, Any] = run_form(schema, ["b", "a"])["properties"]
        assert fields["recipe"]["enum"] == ["a", "b"], flow
        assert all(field["title"] == TITLES[name] for name, field in fields.items())
        assert all(field["description"] for field in fields.values()), flow
        assert len(str(schema)) < 2000, "a form that a person can fill"


def test_addresses_travel_unless_they_are_up_s_own_or_hold_a_password() -> None:
    given = {"MLFLOW_TRACKING_URI": "http://there:5000", "RAY_ADDRESS": "127.0.0.1:6379", "PATH": "/bin"}
    own = {"RAY_ADDRESS": "127.0.0.1:6379"}
    here = {"PAREDOWN_HOME": "/home", "PYTHONSAFEPATH": "1"}
    assert travelling(given, Path("/home"), own) == {**here, "MLFLOW_TRACKING_URI": "http://there:5000"}
    assert travelling({"MLFLOW_TRACKING_URI": "postgresql://me:secret@db/mlflow"}, Path("/home"), {}) == here
