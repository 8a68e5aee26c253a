"""Trainable: the function that Ray runs on a worker for one trial, and the `TrialContext` of that trial."""

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
"""(epoch, score, other numbers measured with the score)."""
REPORTS = "reports.json"
"""The file in a trial's folder that lists the reports of all its starts."""
TOLD = "told"
"""Key in a Tune result of the trial's message to the journal, as JSON text, which Tune itself does not read."""


class RayTrialContext:
    """The `TrialContext` of a trial on a worker of Ray; its reports go through Ray Tune to the journal."""

    def __init__(
        self, shared: Mapping[str, np.ndarray], workspace: Workspace, site: NodeStorage, best: float | None = None
    ) -> None:
        self.shared = shared
        """The arrays that all trials share, by name: mapped from Ray's object store, read-only, never copied."""
        self.workspace = workspace
        """The driver's workspace on a node that sees its home, otherwise the node's own, whose store holds the entries
        of `TrialSetup.needs`. Its device is the one assigned to the trial."""
        self.folder: Path = site.folder
        """The trial's own folder. Its content at the last report is restored when the trial is restarted, on any
        node."""
        self.common: Path = site.folder.parent / "common"
        """A folder of all trials of this search that run on this node; nothing in it is copied to another one."""
        self.best = best
        """The best score of the trials that had come to their end when this one began; None without any."""
        self._earlier = _read_reports(site.folder)
        self.curve: dict[int, float] = {epoch: score for epoch, score, _ in self._earlier}
        """Epoch → score, of all reports, including those of earlier starts of the trial."""
        self._reports = [*self._earlier]
        self._site = site
        self._made: dict[str, Any] | None = None
        self._since = time.monotonic()
        self._earlier_told = False

    def report(self, epoch: int, score: float, measured: Mapping[str, float] = NOTHING) -> None:
        """Reports an epoch. When the search stops the trial here, the call does not return.

        An epoch that an earlier start of the trial reported is not reported again, unless there is an answer.

        Args:
            epoch: from 1, increasing; 0 when nothing was trained, so that no scheduler compares it.
            score: higher is better; a score that is not finite counts as missing.
            measured: other numbers measured together with this score.
        """
        if self._made is None and any(epoch == known for known, _, _ in self._earlier):
            return  # an earlier start reported it; `_send` includes it in the next message
        self.curve[epoch] = float(score)
        numbers = {name: float(value) for name, value in measured.items()}
        self._reports.append((epoch, float(score), numbers))
        write_atomically(self.folder / REPORTS, json.dumps(self._reports).encode())
        self._site.save()
        self._send({"epoch": epoch, "score": float(score), "measured": numbers})

    def folder_of(self, point: Point) -> Path:
        """The folder of another trial of this search, in its state at that trial's last report; only for reading.

        It may be missing or empty.
        """
        return self._site.visit(digest_of(point))

    def answer(self, value: dict[str, Any], needs: Iterable[str] = ()) -> None:
        """Sets the trial's result, a JSON object; it is sent with the next report, whose score becomes its score.

        `needs` are the digests of the store entries that the result refers to; they are copied to the driver's store
        before this returns.
        """
        self._made = json.loads(json.dumps(value))
        self._site.hand_over(needs)

    def finish(self, reason: str = "") -> None:
        """Sends the trial's last message, with the reason if it failed; the call does not return."""
        if not self.curve and not reason:
            reason = "it reported no score"
        # Schedulers need a score; a trial without one reports NaN at epoch 0, which no scheduler compares.
        epoch = max(self.curve, default=0)
        self._send({"epoch": epoch, "score": self.curve.get(epoch, math.nan), "reason": reason}, done=True)

    def _send(self, told: dict[str, Any], done: bool = False) -> None:
        from ray import tune

        now = time.monotonic()
        told |= {"answer": self._made, "seconds": now - self._since}
        self._since = now
        # Reports of an earlier start may have been lost with its node; the file REPORTS still contains them.
        told["earlier"], self._earlier_told = ([] if self._earlier_told else self._earlier), True
        seen = {"epoch": told["epoch"], "score": told["score"], TOLD: json.dumps(told)}
        tune.report({**seen, "done": True} if done else seen)


TrialFunction = Callable[[Point, TrialContext], None]
"""Runs one trial at a point, in its context. The workers must be able to import it, or it must be pickled by value."""


def _read_reports(folder: Path) -> list[Report]:
    file = folder / REPORTS
    if not file.exists():
        return []
    return [(epoch, score, measured) for epoch, score, measured in json.loads(file.read_text())]


@dataclass(frozen=True)
class TrialSetup:
    """The function that runs a trial, and what it needs on a worker."""

    run: TrialFunction
    shared: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Arrays that every trial reads, by name; they are put into Ray's object store once and mapped, not copied."""
    needs: Sequence[str] = ()
    """Digests of the store entries that every trial reads."""
    modules: Sequence[str] = ()
    """The user's own top-level modules, which are sent to the nodes of a cluster."""


def trainable(
    trial: TrialFunction, shared: Any, storage: RemoteStorage, resources: Resources
) -> Callable[[dict[str, Any]], None]:
    """The function that Ray runs on a worker for one trial, with the threads and the device assigned to it.

    Args:
        trial: runs one trial at a point.
        shared: Ray's reference to the arrays that all trials share.
        storage: the storage of the search.
        resources: the resources of one trial.

    Returns:
        A function of Tune's configuration, `{"point": …, "best": …}` (see `callbacks.SearchMonitor.next`).
    """

    def run(config: dict[str, Any]) -> None:
        import ray

        pin_threads(max(1, int(resources.cpus)))
        site = NodeStorage(storage, digest_of(config["point"]))
        workspace = dataclasses.replace(site.workspace, device="cuda" if resources.gpus else "cpu")
        context = RayTrialContext(ray.get(shared), workspace, site, config.get("best"))
        try:
            context.finish(reason_of_failure(trial, config["point"], context))
        finally:
            site.leave()

    return run


def reason_of_failure(trial: TrialFunction, point: Point, context: TrialContext) -> str:
    """Runs the trial and catches any exception, so that only this trial fails: its text in one line, empty without."""
    try:
        trial(point, context)
    except Exception as error:
        return in_one_line(error)
    return ""


def pin_threads(count: int) -> None:
    """Limits the compute threads of this process, so that parallel trials do not slow one another down."""
    # Libraries read these variables when they are loaded; most trials load torch after this call.
    os.environ |= {name: str(count) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(count)
