"""The desk: what a trial works with, on whatever node it runs; and how a worker of Ray seats a trial at one."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tasks.core import Workspace, digest_of
from tasks.core.errors import in_one_line
from tasks.search.search_spec import Resources
from tasks.search.space import Point
from tasks.tuning.node_storage import NodeStorage, RemoteStorage

if TYPE_CHECKING:
    import numpy as np

TOLD = "told"
"""The key of a result under which a trial's message travels, as JSON: what Tune itself need not look at."""
NOTHING: Mapping[str, float] = MappingProxyType({})


class TrialContext:
    """What a trial works with."""

    def __init__(self, shared: Mapping[str, np.ndarray], workspace: Workspace, site: NodeStorage) -> None:
        self.shared = shared
        """Arrays that all trials share: mapped from the object store, read-only, never copied."""
        self.workspace = workspace
        """The driver's on a node that sees it, else the node's own, whose store holds what the search said that its
        trials need. Its device is the one that was given to the trial."""
        self.folder: Path = site.folder
        """The trial's own; what lies there at a report is there again when the trial is started anew, on any node."""
        self.curve: dict[int, float] = {}
        """Epoch → score, of the reports since this start of the trial."""
        self._site = site
        self._made: dict[str, Any] | None = None
        self._since = time.monotonic()

    def report(self, epoch: int, score: float, measured: Mapping[str, float] = NOTHING) -> None:
        """Tells where the trial stands; it may end the trial, which then does not come back from here.

        Args:
            epoch: from 1, growing; 0 where nothing was trained: no scheduler compares it with what trains.
            score: higher is better; one that is no finite number counts as none.
            measured: other numbers that go with this score.
        """
        self.curve[epoch] = float(score)
        self._site.save()
        self._send({"measured": {name: float(value) for name, value in measured.items()}})

    def folder_of(self, point: Point) -> Path:
        """The folder of another trial of this search, to be read, as it was at that trial's last report.

        It may be gone, or there may be nothing in it.
        """
        return self._site.visit(digest_of(point))

    def answer(self, value: dict[str, Any], needs: Iterable[str] = ()) -> None:
        """What the trial made, as JSON: its score is that of the report that follows.

        The store entries that it `needs` are in the driver's store when this returns.
        """
        self._made = json.loads(json.dumps(value))
        self._site.hand_over(needs)

    def leave(self, reason: str = "") -> None:
        """The trial's last word, with the reason if it failed; it does not come back from here."""
        if not self.curve and not reason:
            reason = "it reported no score"
        self._send({"reason": reason}, done=True)

    def _send(self, told: dict[str, Any], done: bool = False) -> None:
        from ray import tune

        epoch = max(self.curve, default=0)
        score = self.curve.get(epoch, math.nan)
        now = time.monotonic()
        told |= {"epoch": epoch, "score": score, "answer": self._made, "seconds": now - self._since}
        self._since = now
        # Also a trial without a score has one for the scheduler, at epoch 0, where no scheduler looks.
        tune.report({"epoch": epoch, "score": score, TOLD: json.dumps(told), **({"done": True} if done else {})})


TrialFunction = Callable[[Point, TrialContext], None]
"""Runs one trial: (point, desk). It must be importable on the workers, or travel there by value."""


def trainable(
    trial: TrialFunction, shared: Any, depot: RemoteStorage, resources: Resources
) -> Callable[[dict[str, Any]], None]:
    """What Ray runs for one trial, on a worker: the threads and the device that it was given, and its desk.

    Args:
        shared: Ray's reference to the arrays.
    """

    def run(config: dict[str, Any]) -> None:
        import ray

        pin_threads(max(1, int(resources.cpus)))
        site = NodeStorage(depot, digest_of(config["point"]))
        workspace = dataclasses.replace(site.workspace, device="cuda" if resources.gpus else "cpu")
        desk = TrialContext(ray.get(shared), workspace, site)
        try:
            desk.leave(reason_of_failure(trial, config["point"], desk))
        finally:
            site.leave()

    return run


def reason_of_failure(trial: TrialFunction, point: Point, desk: TrialContext) -> str:
    """Runs the trial; what it raised, whatever it is, costs that trial only. Empty when it came to its end."""
    try:
        trial(point, desk)
    except Exception as error:
        return in_one_line(error)
    return ""


def pin_threads(count: int) -> None:
    """Has what computes in this process use so many threads, so that trials do not fight over the machine."""
    # Libraries read these when they are loaded; most trials load torch later than this.
    os.environ |= {name: str(count) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(count)
