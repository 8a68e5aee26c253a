"""Deploying: registers the flows of recipes with a Prefect server, under names that stay the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.services.deployed_recipes import DeployedRecipe
from flows.services.deployment_catalog import FLOWS, run_form
from flows.services.deployment_schedules import Timing, listen, schedule_in_words, schedules_of
from flows.services.health_checks import without_password
from flows.services.service_catalog import POOL, page_of
from tasks.core import InputError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

TAG = "paredown"
TRAVELS = ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")
"""Variables that a deployment gives to its runs, where they are set and hold no password."""


@dataclass(frozen=True)
class Registered:
    """A deployment as the server knows it."""

    name: str
    """FLOW/RECIPE."""
    page: str
    """Its page in a browser."""
    schedule: str
    """When it runs by itself, in words; empty for never."""


def deploy_recipes(
    recipes: Mapping[str, DeployedRecipe],
    known: Mapping[str, DeployedRecipe],
    api: str,
    variables: Mapping[str, str],
    timing: Timing,
) -> tuple[Registered, ...]:
    """Registers every flow of recipes, or updates what is there; what is left open stays as somebody set it.

    Args:
        recipes: name → recipe.
        known: those that are registered already; forms offer the names of all that run in the same folder.
        api: the address of Prefect's API.
        variables: the environment that runs get beside the worker's own.
        timing: when they run by themselves.

    Raises:
        InputError: a schedule cannot be used; nothing is registered then.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.settings import PREFECT_API_URL, temporary_settings

    everything = {**known, **recipes}
    found = []
    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        for flow, schema in form_schemas().items():
            for name, recipe in everything.items():
                names = [each for each, other in everything.items() if other.folder == recipe.folder]
                form = run_form(schema, names)
                if name in recipes:
                    found.append(_register(client, flow, name, recipe, form, variables, timing))
                elif not recipes.keys().isdisjoint(names):
                    _renew_form(client, f"{flow}/{name}", form)
    return tuple(found)


def _renew_form(client: SyncPrefectClient, title: str, form: Mapping[str, Any]) -> None:
    """Gives the form of another recipe's deployment the new names to choose from."""
    from prefect.client.schemas.actions import DeploymentUpdate

    if deployment := _known(client, title):
        client.update_deployment(deployment.id, DeploymentUpdate(parameter_openapi_schema=dict(form)))


def form_schemas() -> dict[str, dict[str, Any]]:
    """Name of a flow → the schema of its parameters."""
    from prefect.flows import Flow, load_flow_from_entrypoint

    flows: dict[str, Flow[..., Any]] = {
        name: load_flow_from_entrypoint(flow.entrypoint) for name, flow in FLOWS.items()
    }
    return {name: flow.parameters.model_dump() for name, flow in flows.items()}


def check_new_data(template: str | None) -> None:
    """Checks that what Prefect makes of a template is text.

    It parses what a template alone renders: a number in place of text starts no run, and nobody is told.

    Raises:
        InputError: there is nothing beside its `{{ … }}`.
    """
    if template and "{{" in template and not re.sub(r"{{.*?}}", "", template).strip():
        law = "must have text beside its template, for a number that it may become would start no run"
        raise InputError(law, path="--new-data", value=template, nearest=f"./{template}")


def travelling(environment: Mapping[str, str], home: Path, own: Mapping[str, str]) -> dict[str, str]:
    """The environment that runs get from their deployment, beside the worker's own.

    Args:
        environment: of the one who deploys.
        home: the home folder.
        own: the addresses of `paredown up`, which its worker knows, and which may change.
    """
    # The user's folder may hold modules called as Paredown's: a run finds them only where `paredown` would.
    found = {"PAREDOWN_HOME": str(home), "PYTHONSAFEPATH": "1"}
    for name in TRAVELS:
        address = environment.get(name)
        if address and address != own.get(name) and without_password(address) == address:
            found[name] = address
    return found


def _register(
    client: SyncPrefectClient,
    flow: str,
    name: str,
    recipe: DeployedRecipe,
    form: Mapping[str, Any],
    variables: Mapping[str, str],
    timing: Timing,
) -> Registered:
    """Registers one flow of a recipe."""
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions

    deployed, title = FLOWS[flow], f"{flow}/{name}"
    schedules = schedules_of(_known(client, title), flow, recipe, timing)
    number = client.create_deployment(
        client.create_flow_from_name(flow),
        name,
        entrypoint=deployed.entrypoint,
        description=f"{deployed.does}\n\nRecipe: `{recipe.file}`, run in `{recipe.folder}`.",
        parameters=_parameters(flow, name, recipe),
        parameter_openapi_schema=dict(form),
        enforce_parameter_schema=True,
        schedules=schedules,
        # Two runs of one product would do the same work twice, or change the same aliases.
        concurrency_limit=1,
        concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        tags=[TAG, flow],
        work_pool_name=POOL,
        job_variables={"env": dict(variables), "working_dir": recipe.folder},
        pull_steps=[],
    )
    if flow == "retrain":
        listen(client, number, name, recipe.new_data)
    page = f"{page_of(str(client.api_url))}/deployments/deployment/{number}"
    return Registered(title, page, ", ".join(schedule_in_words(each) for each in schedules))


def _known(client: SyncPrefectClient, title: str) -> DeploymentResponse | None:
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(title)
    except ObjectNotFound:
        return None


def _parameters(flow: str, name: str, recipe: DeployedRecipe) -> dict[str, Any]:
    """The form's values where nobody changes them."""
    given: dict[str, Any] = {"recipe": name}
    if flow == "monitor" and recipe.batches is not None:
        given["data"] = recipe.batches
    if flow == "retrain" and recipe.new_data is not None and "{{" not in recipe.new_data:
        given["data"] = recipe.new_data
    return given
