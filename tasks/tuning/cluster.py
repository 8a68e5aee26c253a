"""The cluster: Ray on this machine alone, or the one at RAY_ADDRESS, to whose nodes the code goes by itself."""

from __future__ import annotations

import os
import re
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

from tasks.core import InputError, Refusal
from tasks.core.env_defaults import QUIET, apply_env_defaults

OWN = ("tasks", "flows")
"""The packages of Paredown itself."""
PATIENCE = 45.0
"""Seconds that a cluster has to take this process in; left alone, Ray tries for up to four minutes."""
PLAN = Path("~/ray_bootstrap_config.yaml")
"""Where Ray's launcher leaves, on the head, which nodes its autoscaler may start."""
AS_RAY: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}

Resources = Mapping[str, float]
"""A node's resources by Ray's names, `CPU` and `GPU` among them."""


def connect(modules: Iterable[str] = ()) -> None:
    """Joins the cluster at RAY_ADDRESS, or starts a quiet Ray of this machine with the CPUs and GPUs that Ray finds.

    Args:
        modules: the user's own top-level modules. They and Paredown go to every node of the cluster; what is installed
            as a distribution is expected there.

    Raises:
        InputError: the cluster does not take this process within 45 seconds; it names RAY_ADDRESS.
        Refusal: a module cannot be sent.
    """
    import ray

    apply_env_defaults()
    address = cluster_address()
    if address is None:
        # Without an address Ray joins whatever cluster somebody else has started on this machine.
        ray.init(address="local", include_dashboard=False, **AS_RAY)
    else:
        _join(address, runtime_environment(modules))


def cluster_address() -> str | None:
    """RAY_ADDRESS, or None when searches run on this machine alone."""
    address = os.environ.get("RAY_ADDRESS", "")
    return None if address in ("", "local") else address


def _join(address: str, environment: dict[str, Any]) -> None:
    """Connects in a thread that nobody waits for longer than PATIENCE: Ray's own tries have no common limit."""
    import ray

    joined: Future[None] = Future()

    def run() -> None:
        try:
            ray.init(address=address, runtime_env=environment, **AS_RAY)
        except Exception as error:  # it is raised again where the answer is read
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


def runtime_environment(modules: Iterable[str] = ()) -> dict[str, Any]:
    """Ray's `runtime_env` of a search: the code, and what keeps the dependencies quiet."""
    places = [place for name in dict.fromkeys((*OWN, *modules)) if (place := code_of(name))]
    return {
        "py_modules": [str(place) for place in places],
        "excludes": ["__pycache__", ".git", ".venv"],
        # How a node lets processes in is its own affair.
        "env_vars": {name: os.environ.get(name, value) for name, value in QUIET.items() if name != "RAY_AUTH_MODE"},
    }


def top_level(texts: Iterable[str]) -> tuple[str, ...]:
    """The top-level modules of the import strings among the texts of a recipe, sorted, each once, without Paredown's.

    >>> top_level(["my_nets.small:tiny", "my_data:load", "tasks.architectures:resnet20", "data/churn.csv", "cuda:1"])
    ('my_data', 'my_nets')
    """
    found = (re.fullmatch(r"([A-Za-z_]\w*)(\.\w+)*:[A-Za-z_]\w*", text) for text in texts)
    return tuple(sorted({match[1] for match in found if match} - set(OWN)))


def code_of(name: str) -> Path | None:
    """The folder of a package or the file of a module; None for what every node has: an installed distribution.

    Raises:
        Refusal: there is no such module, it lies in several folders, or it is not Python source.
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
    """Sees to it that a trial finds a node to run on; Tune would wait for one forever.

    Raises:
        InputError: no node of the Ray that is connected has so many CPUs and GPUs, and none that has can be started.
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
    """Whether one of the nodes has at least so many CPUs and GPUs."""
    return any(node.get("CPU", 0.0) >= cpus and node.get("GPU", 0.0) >= gpus for node in nodes)


def planned_nodes(plan: Path) -> list[Resources]:
    """The kinds of nodes that the autoscaler may start, by the file of Ray's launcher; none without that file."""
    import yaml

    if not plan.is_file():
        return []
    kinds = yaml.safe_load(plan.read_text())["available_node_types"].values()
    return [dict(kind.get("resources", {})) for kind in kinds if kind.get("max_workers", 0) > 0]
