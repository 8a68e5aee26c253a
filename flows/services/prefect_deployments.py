"""Prefect deployments: recipes' files become deployments, and runs whose worker has ended are scheduled again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from flows.recipe.loading import load_recipe
from flows.services import processes
from flows.services.deployed_recipes import DeployedRecipe, keep_deployed, recall_deployed
from flows.services.deploying import Registered, check_new_data, deploy_recipes, travelling
from flows.services.deployment_catalog import FLOWS, TITLES
from flows.services.deployment_schedules import Timing
from flows.services.health_checks import check_servers
from flows.services.service_catalog import POOL, SERVERS, ServiceState, ask
from tasks.core import InputError, digest_of, write_atomically

FOLDER = Path("conf")
"""The working directory's folder with recipes that `paredown up` deploys."""
UNFINISHED = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}
"""Prefect's filter for runs that a worker has taken and not ended."""


def recipes_of(
    files: Sequence[Path], place: Path, batches: str | None = None, new_data: str | None = None
) -> dict[str, DeployedRecipe]:
    """Reads recipes that are to be deployed: name → recipe; their runs work where this process does.

    Args:
        files: the recipes.
        place: the home folder.
        batches: the folder that `monitor` looks at; None: as it was.
        new_data: the new rows of `retrain`; None: as it was.

    Raises:
        InputError: a recipe, a folder or a template is wrong, or two recipes have one name.
    """
    if batches and not Path(batches).exists():
        raise InputError("must be a file or folder that exists", path="--batches", value=batches)
    check_new_data(new_data)
    known, found = recall_deployed(place), dict[str, DeployedRecipe]()
    for file in files:
        name = load_recipe(file).name
        if name in found:
            law = f"must be a name of its own, but {found[name].file} has it, too"
            raise InputError(law, file=str(file), path="name", value=name)
        before = known.get(name, DeployedRecipe("", ""))
        where = {"file": str(file.resolve()), "folder": os.getcwd()}
        found[name] = DeployedRecipe(**where, batches=batches or before.batches, new_data=new_data or before.new_data)
    return found


def register_recipes(
    recipes: Mapping[str, DeployedRecipe], api: str, place: Path, own: Mapping[str, str], timing: Timing
) -> tuple[Registered, ...]:
    """Registers the flows of recipes with a Prefect server, and remembers their names in the home folder.

    Args:
        recipes: name → recipe.
        api: the address of Prefect's API.
        place: the home folder.
        own: the addresses of `paredown up` in this home folder.
        timing: when they run by themselves.

    Raises:
        InputError: a schedule is wrong; nothing is registered then.
    """
    variables = travelling(os.environ, place, own)
    found = deploy_recipes(recipes, recall_deployed(place), api, variables, timing)
    keep_deployed(place, recipes)
    return found


def recipes_here() -> tuple[Path, ...]:
    """The recipes in the working directory's `conf/`."""
    return tuple(sorted(FOLDER.rglob("*.yaml")))


def is_deployed(site: ServiceState) -> bool:
    """Whether the server has the working directory's recipes in their present state."""
    known = site.folder / "deployed"
    return known.exists() and known.read_text() == _state()


def _state() -> str:
    forms = [repr(FLOWS), repr(TITLES), version("paredown")]
    return digest_of([[file.read_text() for file in recipes_here()], os.getcwd(), forms])


def deploy_here(site: ServiceState, place: Path) -> list[str]:
    """Deploys the recipes in the working directory's `conf/`; returns what went wrong, each in a sentence."""
    recipes, problems = dict[str, DeployedRecipe](), []
    for file in recipes_here():
        try:
            recipes |= recipes_of([file], place)
        except InputError as error:
            problems.append(str(error))
    register_recipes(recipes, site.addresses["PREFECT_API_URL"], place, site.addresses, Timing())
    if not problems:
        write_atomically(site.folder / "deployed", _state().encode())
    return problems


def running_site(place: Path) -> ServiceState:
    """The servers of `paredown up` in a home folder that run, with their ports."""
    site = ServiceState(place / "services")
    for service in SERVERS:
        record = processes.find(site.folder, service.name)
        if record and record.port and processes.alive(site.folder, record):
            site.ports[service.name], site.states[service.name] = record.port, "running already"
            site.host = record.host
            site.host = record.host
    return site


def prefect_api(environment: Mapping[str, str], own: Mapping[str, str]) -> str:
    """The address of the Prefect server that keeps deployments: the one that is named, or that of `paredown up`.

    Raises:
        InputError: there is none, or it does not answer.
    """
    start = "that of `paredown up`, which starts a server and a worker"
    named = environment.get("PREFECT_API_URL")
    if named:
        check_servers({"PREFECT_API_URL": named}, start)
    elif "PREFECT_API_URL" not in own:
        law = "must be the address of a running Prefect server, for the embedded one ends with its command"
        raise InputError(law, path="PREFECT_API_URL", nearest=start)
    return named or own["PREFECT_API_URL"]


def has_worker(api: str) -> bool:
    """Whether a worker serves the pool of the deployments."""
    workers = json.loads(ask(f"{api}/work_pools/{POOL}/workers/filter", {}) or b"[]")
    return any(worker["status"] == "ONLINE" for worker in workers)


def settle_runs(site: ServiceState) -> int:
    """Gives the unfinished runs of a worker that is gone a new state; returns how many there were.

    Runs that were being cancelled become cancelled. The others are scheduled again: the next worker runs them, and
    finished steps come from the store. Without this they would count as running forever, and the limit of one run for
    each deployment would cancel every later run.
    """
    api = site.addresses["PREFECT_API_URL"]
    lost = ask(f"{api}/flow_runs/filter", {"flow_runs": UNFINISHED, "work_pools": {"name": {"any_": [POOL]}}})
    runs = json.loads(lost or b"[]")
    for run in runs:
        state = {"type": "CANCELLED"} if run["state_type"] == "CANCELLING" else _again()
        ask(f"{api}/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
    return len(runs)


def _again() -> dict[str, object]:
    now = {"scheduled_time": datetime.now(UTC).isoformat()}
    message = "Its worker ended; it goes on from the store."
    return {"type": "SCHEDULED", "name": "AwaitingRetry", "message": message, "state_details": now}
