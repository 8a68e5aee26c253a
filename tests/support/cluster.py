"""Three nodes of Ray on this machine: a head without CPUs, one that sees its files, and one that does not."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

BLIND = """
import os, sys

def hide(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove"):
        name = arguments[0]
        if isinstance(name, (str, bytes, os.PathLike)) and os.fsdecode(name).startswith(os.environ["HIDDEN"]):
            raise FileNotFoundError(2, "hidden from this node", os.fsdecode(name))

sys.addaudithook(hide)
"""
"""A sitecustomize.py: no Python of this node opens, lists or makes anything under HIDDEN."""


@dataclass
class ThreeNodeCluster:
    """The cluster and its nodes; each has one CPU, and one of a resource called `near` or `far`."""

    cluster: Any
    near: Any
    far: Any
    away: Path
    """The home of the far node."""

    def kill_far(self) -> None:
        """The far node dies at once, with all that runs on it."""
        self.cluster.remove_node(self.far, allow_graceful=False)


def meeting(size: int) -> Callable[[str], None]:
    """What a trial calls, with a name of its own, to go on when so many of them run: so each node has one.

    It waits for a minute at most, and travels to the workers by value.
    """

    def wait(name: str) -> None:
        from ray.experimental.internal_kv import _internal_kv_list, _internal_kv_put

        _internal_kv_put(f"meeting-{name}", "")
        for _ in range(600):
            if len(_internal_kv_list("meeting-")) >= size:
                return
            time.sleep(0.1)

    return wait


@contextmanager
def three_node_cluster(folder: Path, hidden: Path) -> Iterator[ThreeNodeCluster]:
    """Starts the cluster and names it in RAY_ADDRESS, for as long as the context lasts; joining it is the caller's.

    Args:
        folder: what the far node has of its own lies there.
        hidden: what the far node does not see.
    """
    from ray.cluster_utils import Cluster

    site, away = folder / "site", folder / "away"
    site.mkdir(parents=True)
    (site / "sitecustomize.py").write_text(BLIND)
    # Ray's sockets need a short path; its place for temporary files also says which cluster others find.
    temporary = tempfile.mkdtemp(prefix="ray-")
    blind = {"HIDDEN": str(hidden), "PYTHONPATH": str(site), "PAREDOWN_HOME": str(away)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", temporary)
        # Nodes inherit the environment of this process; what they find, they find without the folder of the project.
        patch.delenv("PYTHONPATH", raising=False)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        try:
            near = cluster.add_node(num_cpus=1, resources={"near": 1})
            far = cluster.add_node(num_cpus=1, resources={"far": 1}, env_vars=os.environ | blind)
            patch.setenv("RAY_ADDRESS", cluster.address)
            yield ThreeNodeCluster(cluster, near, far, away)
        finally:
            cluster.shutdown()
            shutil.rmtree(temporary, ignore_errors=True)
