"""Trainables: what Ray runs on a worker for one trial, and the `TrialContext` that reports to Ray Tune."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import Workspace, digest_of, write_atomically
from tasks.core.errors import in_one_line
from tasks.search.objective import NOTHING, TrialContext
from tasks.search.search_spec import Resources
from tasks.search.space import Point
from tasks.tuning.node_storage import NodeStorage, RemoteStorage

if TYPE_CHECKING:
    import numpy as np

Report = tuple[int, float, dict[str, float]]
"""Epoch, score, and the other numbers that go with it."""
REPORTS = "reports.json"
"""The file in a trial's folder with all that the trial reported, over all its starts."""
TOLD = "told"
"""The key of a result under which a trial's message travels, as JSON: what Tune itself need not look at."""


class RayTrialContext:
    """A `TrialContext` on a worker of Ray."""

    def __init__(self, shared: Mapping[str, np.ndarray], workspace: Workspace, site: NodeStorage) -> None:
        self.shared = shared
        """Arrays that all trials share: mapped from the object store, read-only, never copied."""
        self.workspace = workspace
        """The driver's on a node that sees it, else the node's own, whose store holds what the search said that its
        trials need. Its device is the one that was given to the trial."""
        self.folder: Path = site.folder
        """The trial's own; what lies there at a report is there again when the trial is started anew, on any node."""
        self._earlier = _read_reports(site.folder)
        self.curve: dict[int, float] = {epoch: score for epoch, score, _ in self._earlier}
        """Epoch → score, of all reports, also of those from before the trial was started anew."""
        self._reports = [*self._earlier]
        self._site = site
        self._made: dict[str, Any] | None = None
        self._since = time.monotonic()
        self._earlier_told = False

    def report(self, epoch: int, score: float, measured: Mapping[str, float] = NOTHING) -> None:
        """Tells where the trial stands; it may end the trial, which then does not come back from here.

        An epoch that an earlier start of the trial reported is not reported again, unless an answer goes with it.

        Args:
            epoch: from 1, growing; 0 where nothing was trained: no scheduler compares it with what trains.
            score: higher is better; one that is no finite number counts as none.
            measured: other numbers that go with this score.
        """
        if self._made is None and any(epoch == known for known, _, _ in self._earlier):
            return  # it was reported before this start, and goes to the journal with the next message
        self.curve[epoch] = float(score)
        numbers = {name: float(value) for name, value in measured.items()}
        self._reports.append((epoch, float(score), numbers))
        write_atomically(self.folder / REPORTS, json.dumps(self._reports).encode())
        self._site.save()
        self._send({"measured": numbers})

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

    def finish(self, reason: str = "") -> None:
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
        # What a start of the trial reported may have been lost with its node; its folder still knows of it.
        told["earlier"], self._earlier_told = ([] if self._earlier_told else self._earlier), True
        # Also a trial without a score has one for the scheduler, at epoch 0, where no scheduler looks.
        tune.report({"epoch": epoch, "score": score, TOLD: json.dumps(told), **({"done": True} if done else {})})


TrialFunction = Callable[[Point, TrialContext], None]
"""Runs one trial: (point, its context). It must be importable on the workers, or travel there by value."""


def _read_reports(folder: Path) -> list[Report]:
    file = folder / REPORTS
    if not file.exists():
        return []
    return [(epoch, score, measured) for epoch, score, measured in json.loads(file.read_text())]


@dataclass(frozen=True)
class TrialSetup:
    """What runs a trial, and what it needs on a worker."""

    run: TrialFunction
    shared: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Arrays that every trial reads; they go into the object store once and are mapped, not copied."""
    needs: Sequence[str] = ()
    """Digests of the store entries that a trial reads."""
    modules: Sequence[str] = ()
    """The user's own top-level modules, which go to the nodes of a cluster with the code."""


def trainable(
    trial: TrialFunction, shared: Any, storage: RemoteStorage, resources: Resources
) -> Callable[[dict[str, Any]], None]:
    """What Ray runs for one trial, on a worker: with the threads and the device that it was given.

    Args:
        shared: Ray's reference to the arrays.
    """

    def run(config: dict[str, Any]) -> None:
        import ray

        pin_threads(max(1, int(resources.cpus)))
        site = NodeStorage(storage, digest_of(config["point"]))
        workspace = dataclasses.replace(site.workspace, device="cuda" if resources.gpus else "cpu")
        context = RayTrialContext(ray.get(shared), workspace, site)
        try:
            context.finish(reason_of_failure(trial, config["point"], context))
        finally:
            site.leave()

    return run


def reason_of_failure(trial: TrialFunction, point: Point, context: TrialContext) -> str:
    """Runs the trial; what it raised, whatever it is, costs that trial only. Empty when it came to its end."""
    try:
        trial(point, context)
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
