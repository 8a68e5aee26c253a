"""Cluster: connects to Ray on this machine, or to the cluster at RAY_ADDRESS, to whose nodes the code is sent."""

from __future__ import annotations

import importlib
import os
import re
import sys
import sysconfig
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

from tasks.core import InputError, Refusal
from tasks.core.env_defaults import QUIET, apply_env_defaults
from tasks.core.import_path import OWN

PATIENCE = 45.0
"""Seconds within which a cluster must accept this process; without a limit, Ray tries for up to four minutes."""
SETUP = "worker_process_setup_hook"
"""Ray's name for the function that every worker calls before its first task."""
PLAN = Path("~/ray_bootstrap_config.yaml")
"""The file on the head node in which Ray's launcher lists the nodes that its autoscaler may start."""
AS_RAY: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}

Resources = Mapping[str, float]
"""A node's resources by Ray's names, for example `CPU` and `GPU` (numbers of them)."""


def connect(modules: Iterable[str] = ()) -> None:
    """Joins the cluster at RAY_ADDRESS; without one, starts Ray on this machine with the CPUs and GPUs that it finds.

    Ray's log output is suppressed, except for errors.

    Args:
        modules: the user's own top-level modules. They and Paredown are sent to every node of the cluster; installed
            distributions are not sent and must be installed there, too.

    Raises:
        InputError: the cluster refuses this process, or does not accept it within 45 seconds; it names RAY_ADDRESS.
        Refusal: a module cannot be sent.
    """
    import ray

    apply_env_defaults()
    address = cluster_address()
    if address is None:
        # Without an address, Ray would join any cluster that was started on this machine, also by another user.
        own = {SETUP: load_own([str(Path(__file__).resolve().parents[2])])}
        ray.init(address="local", include_dashboard=False, runtime_env=own, **AS_RAY)
    else:
        _join(address, runtime_environment(modules))


def cluster_address() -> str | None:
    """The value of RAY_ADDRESS; None when it is empty or `local`: then searches run on this machine alone."""
    address = os.environ.get("RAY_ADDRESS", "")
    return None if address in ("", "local") else address


def _join(address: str, environment: dict[str, Any]) -> None:
    """Connects in a thread and waits for it at most PATIENCE seconds, because Ray's attempts have no common limit."""
    import ray

    joined: Future[None] = Future()

    def run() -> None:
        try:
            ray.init(address=address, runtime_env=environment, **AS_RAY)
        except Exception as error:  # raised again by `joined.result`
            joined.set_exception(error)
        else:
            joined.set_result(None)

    Thread(target=run, daemon=True).start()
    try:
        joined.result(PATIENCE)
    except TimeoutError:
        problem = f"it did not answer within {PATIENCE:g} seconds"
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        problem = str(error).strip().splitlines()[0]
    else:
        return
    law = "must be the address of a running Ray cluster of which this machine is a node, with its token in the file"
    law = f"{law} RAY_AUTH_TOKEN_PATH ({problem})"
    raise InputError(law, path="RAY_ADDRESS", value=address, nearest="unset RAY_ADDRESS for the embedded one")


def load_own(places: Sequence[str]) -> Callable[[], None]:
    """A function that imports Paredown's packages on a worker, before Ray puts the driver's working folder first.

    From then on, modules of the user's with the same names are not looked for. The function is nested, because Ray
    sends a nested function by its code, while one of a module would itself be imported.

    Args:
        places: the folders to look in first.
    """
    names, first = OWN, list(places)

    def load() -> None:
        sys.path[:0] = first
        for name in names:
            importlib.import_module(name)
        del sys.path[: len(first)]

    return load


def runtime_environment(modules: Iterable[str] = ()) -> dict[str, Any]:
    """Ray's `runtime_env` of a search: the code to send, and the environment variables that silence dependencies."""
    places = [place for name in dict.fromkeys((*OWN, *modules)) if (place := code_of(name))]
    return {
        "py_modules": [str(place) for place in places],
        "excludes": ["__pycache__", ".git", ".venv"],
        SETUP: load_own([]),
        # RAY_AUTH_MODE is left out: each node has its own setting.
        "env_vars": {name: os.environ.get(name, value) for name, value in QUIET.items() if name != "RAY_AUTH_MODE"},
    }


def top_level(texts: Iterable[str]) -> tuple[str, ...]:
    """The top-level modules of the import strings (`module:name`) in a recipe's texts, sorted and without duplicates.

    Paredown's own modules and texts that are no import string are left out.

    >>> top_level(["my_nets.small:tiny", "my_data:load", "tasks.architectures:resnet20", "data/churn.csv", "cuda:1"])
    ('my_data', 'my_nets')
    """
    found = (re.fullmatch(r"([A-Za-z_]\w*)(\.\w+)*:[A-Za-z_]\w*", text) for text in texts)
    return tuple(sorted({match[1] for match in found if match} - set(OWN)))


def code_of(name: str) -> Path | None:
    """The folder of a package or the file of a module to send; None for an installed distribution, which is not sent.

    Raises:
        Refusal: there is no such module, it is in several folders, or it is not Python source.
    """
    spec = find_spec(name)
    if spec is None:
        raise Refusal(f"module {name} cannot be sent to the nodes of the cluster: it is not found here")
    place = _place(name, spec)
    if place is None or (name not in OWN and _is_installed(place)):
        return None
    if place.is_file() and place.suffix != ".py":
        raise Refusal(f"module {name} cannot be sent to the nodes of the cluster: {place} is not Python source")
    return place


def _place(name: str, spec: ModuleSpec) -> Path | None:
    if spec.submodule_search_locations is not None:
        folders = list(spec.submodule_search_locations)
        if len(folders) > 1:
            raise Refusal(
                f"module {name} cannot be sent to the nodes of the cluster: it lies in {len(folders)} folders"
            )
        return Path(folders[0]).resolve()
    return Path(spec.origin).resolve() if spec.has_location and spec.origin else None


def _is_installed(place: Path) -> bool:
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    return any(place.is_relative_to(Path(sysconfig.get_path(kind)).resolve()) for kind in kinds)


def check_resources(cpus: float, gpus: float) -> None:
    """Checks that some node has enough CPUs and GPUs for one trial; Tune would wait for such a node forever.

    Raises:
        InputError: no node of the connected cluster has as many CPUs and GPUs, and the autoscaler cannot start one.
    """
    import ray

    nodes: list[Resources] = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if cluster_address() is not None:
        nodes += planned_nodes(PLAN.expanduser())
    if not fits(cpus, gpus, nodes):
        most = max(nodes, key=lambda node: (node.get("GPU", 0.0) if gpus else 0.0, node.get("CPU", 0.0)))
        nearest = {"cpus": most.get("CPU", 0.0), "gpus": most.get("GPU", 0.0)}
        law = "must be no more than one node has, since a trial runs on one"
        raise InputError(law, path="search.resources", value={"cpus": cpus, "gpus": gpus}, nearest=nearest)


def fits(cpus: float, gpus: float, nodes: Sequence[Resources]) -> bool:
    """Whether a single node has at least this number of CPUs and of GPUs."""
    return any(node.get("CPU", 0.0) >= cpus and node.get("GPU", 0.0) >= gpus for node in nodes)


def planned_nodes(plan: Path) -> list[Resources]:
    """The resources of each kind of node that the autoscaler may start; empty when the file `plan` does not exist.

    `plan` is the file of Ray's launcher (PLAN).
    """
    import yaml

    if not plan.is_file():
        return []
    kinds = yaml.safe_load(plan.read_text())["available_node_types"].values()
    return [dict(kind.get("resources", {})) for kind in kinds if kind.get("max_workers", 0) > 0]
