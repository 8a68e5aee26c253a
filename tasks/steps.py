"""Steps: every verb as a Prefect task with its policy: cache key, retries, tags, run name."""

from __future__ import annotations

import dataclasses
import inspect
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import Task, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext

from tasks import baseline as baselines
from tasks import compression, evaluation, exporting, importing, ingestion, preprocessing, registry, tracking, tuning
from tasks.artifacts import (
    LOWER_IS_BETTER,
    Candidate,
    Dataset,
    Goal,
    Latency,
    Prepared,
    Runtime,
    Scorecard,
    SplitName,
    Workspace,
)
from tasks.artifacts.identity import cache_key, references
from tasks.artifacts.progress import Update, listening, tell
from tasks.augmentation import AugmentStep
from tasks.distillation import Recover
from tasks.exporting import Export
from tasks.headway import Headway
from tasks.hosts import costs_kept
from tasks.ingestion import DataSpec
from tasks.modeling import ModelSpec
from tasks.preprocessing import PreprocessStep
from tasks.spaces import Budgeted, Point
from tasks.students import Distill
from tasks.techniques import Technique
from tasks.tracking import Warm
from tasks.training import Epoch, TrainSpec
from tasks.tuning import Known, Tuned
from tasks.work import Work

CACHED: dict[str, Any] = {
    "cache_policy": CacheKeyFnPolicy(cache_key_fn=lambda context, parameters: cache_key(context.task.name, parameters)),
    "persist_result": True,
    "result_serializer": "json",
}
"""Answered from the store when nothing that the step takes has changed, also after a crash."""
OUTWARD: dict[str, Any] = {"persist_result": False, "retries": 2, "retry_delay_seconds": 2}
"""Writes to a server: always done, safe to repeat."""


@dataclass(frozen=True)
class Answered:
    """A step's answer, whether it came from the store, and how many seconds it took."""

    value: Any
    cached: bool
    seconds: float


def run(step: Task[..., Any], *arguments: Any) -> Answered:
    """Calls a cached step; an answer whose store entries are gone or altered is worked out anew.

    Raises:
        Whatever the step raises.
    """
    workspace = next(each for each in arguments if isinstance(each, Workspace))
    # Made here first: Prefect only logs an error when a key cannot be made, and goes on without the cache.
    key = cache_key(step.name, inspect.signature(step.fn).bind(*arguments).arguments)
    started = time.monotonic()
    # Prefect types a call for both worlds; called from a flow that is not async, it answers at once.
    state: State[Any] = step(*arguments, return_state=True)  # type: ignore[assignment]
    answer, cached = state.result(), state.name == "Cached"
    if cached and not all(map(workspace.store.holds, references(answer))):
        answer, cached = step.with_options(refresh_cache=True)(*arguments), False
    # The answer is safe only now; until here a crash would have gone on from this place.
    discard(workspace.checkpoints / key)
    return Answered(answer, cached, time.monotonic() - started)


def resumable(workspace: Workspace) -> Path | None:
    """Where the step that runs keeps what a crash must not take; None outside a flow run, where nothing is cached."""
    context = TaskRunContext.get()
    return workspace.checkpoints / cache_key(context.task.name, context.parameters) if context else None


def discard(place: Path) -> None:
    """Removes a file or a folder, if it is there."""
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


@contextmanager
def shown(title: str) -> Iterator[None]:
    """Shows the updates of long work as a progress artifact in Prefect's UI, at most once a second."""
    if TaskRunContext.get() is None:
        yield
        return
    artifact: UUID = create_progress_artifact(progress=0.0, description=title)  # type: ignore[assignment]
    last = time.monotonic()

    def show(update: Update) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= 1 or update.done >= update.total:
            last = now
            share = 100 * min(update.done / max(update.total, 1), 1)
            update_progress_artifact(artifact, progress=share, description=described(title, update))

    with listening(show):
        yield


def described(title: str, update: Update) -> str:
    """An update in Markdown, as Prefect's UI shows the description of an artifact; figures are a table."""
    if not update.figures:
        return f"{title}: {update.note}"
    rows = "".join(f"| {name} | {value} |\n" for name, value in update.figures.items())
    return f"{title}\n\n| | |\n|---|---|\n{rows}"


def each_epoch(total: int, metric: str) -> Callable[[Epoch], None]:
    """Tells the progress of a training, with this epoch's and the best validation score so far."""
    scores: list[float] = []
    best = min if metric in LOWER_IS_BETTER else max

    def on_epoch(epoch: Epoch) -> None:
        scores.append(epoch.validation_score)
        tell(epoch.number, total, f"validation {metric} {scores[-1]:.4f}, best {best(scores):.4f}")

    return on_epoch


@task(**CACHED, tags=["data"])
def ingest(spec: DataSpec, stamp: str, workspace: Workspace) -> Dataset:
    """Source → Dataset; `stamp` tells one state of the source from another."""
    with shown(f"ingest {spec.source}"):
        return ingestion.ingest(spec, workspace.store, tell)


@task(**CACHED, tags=["data"])
def preprocess(dataset: Dataset, steps: tuple[PreprocessStep, ...], workspace: Workspace) -> Prepared:
    """Dataset → Prepared, fitted on train only."""
    return preprocessing.preprocess(dataset, steps, workspace.store)


@task(**CACHED, tags=["search"])
def remember(experiment: str, role: str, identity: str, search: Budgeted, own: Point, workspace: Workspace) -> Warm:
    """What earlier searches of the experiment are worth to this one; `own` completes points that lack a path."""
    past = tracking.past_searches(workspace.tracking_uri, experiment, role)
    return tracking.warm(past, identity, search.space, own)


@task(**CACHED, tags=["search"])
def tune(
    work: Work,
    search: Budgeted,
    first: tuple[Point, ...],
    known: tuple[Known, ...],
    epochs: int,
    host: str,
    workspace: Workspace,
) -> Tuned:
    """A search over points → the best point and every trial; `host` is named where trials measure time."""
    folder = resumable(workspace) or workspace.checkpoints / "search"
    arrays, needs = work.arrays(workspace.store), work.needs()
    told: dict[str, Any] = {"first": first, "known": known, "needs": needs, "modules": work.modules}
    with shown("search"):
        tuned = tuning.tune(work, search, arrays, workspace, folder, epochs, **told, on_progress=Headway(search, work))
        tell(len(tuned.trials), len(tuned.trials), tuning.summarize(tuned.trials))
        return dataclasses.replace(tuned, identity=work.identity)


@task(**CACHED, tags=["train"])
def fit(
    prepared: Prepared,
    model: ModelSpec,
    augment: tuple[AugmentStep, ...],
    spec: TrainSpec,
    metric: str,
    workspace: Workspace,
) -> Candidate:
    """Data → the trained baseline."""
    with shown("train"):
        return baselines.fit(
            prepared, model, augment, spec, metric, workspace, resumable(workspace), each_epoch(spec.epochs, metric)
        )


@task(**CACHED, tags=["train"])
def adopt(prepared: Prepared, model: ModelSpec, stamp: str, workspace: Workspace) -> Candidate:
    """The user's weights → the baseline; `stamp` tells one state of the file from another."""
    return baselines.adopt(prepared, model, workspace.store)


@task(**CACHED, tags=["train"])
def bring(
    prepared: Prepared,
    file: str,
    asked: bool,
    spec: Export,
    stamp: str,
    workspace: Workspace,
) -> Candidate:
    """An ONNX file → the baseline; `stamp` tells one state of the file from another."""
    return importing.bring(prepared, file, asked, spec, workspace.store)


@task(**CACHED, tags=["compress"])
def compress(
    candidate: Candidate, technique: Technique, prepared: Prepared, host: str, workspace: Workspace
) -> Candidate:
    """One technique: plan and apply; `host` is named where the plan depends on it."""
    with costs_kept(workspace.home) if technique.asks_host else nullcontext():
        return compression.compress(candidate, technique, prepared, workspace.store)


@task(**CACHED, tags=["train"])
def recover(
    candidate: Candidate,
    teacher: Candidate,
    spec: Recover,
    prepared: Prepared,
    augment: tuple[AugmentStep, ...],
    metric: str,
    workspace: Workspace,
) -> Candidate:
    """Repairs a candidate, rung by rung, with the help of its teacher."""
    with shown("recover"):
        knobs = (spec, prepared, augment, metric, workspace)
        return compression.recover(
            candidate, teacher, *knobs, resumable(workspace), each_epoch(spec.most_epochs, metric)
        )


@task(**CACHED, tags=["train"])
def distill(
    teacher: Candidate,
    spec: Distill,
    prepared: Prepared,
    augment: tuple[AugmentStep, ...],
    metric: str,
    workspace: Workspace,
) -> Candidate:
    """A student of another architecture, taught by the baseline."""
    with shown("distill"):
        knobs = (spec, prepared, augment, metric, workspace)
        return compression.distill(teacher, *knobs, resumable(workspace), each_epoch(spec.most_epochs, metric))


@task(**CACHED, tags=["export"])
def export(candidate: Candidate, prepared: Prepared, spec: Export, workspace: Workspace) -> Candidate:
    """A torch candidate → an ONNX candidate, each hop proven."""
    return exporting.export(candidate, prepared, spec, workspace.store)


@task(**CACHED, tags=["evaluate"])
def evaluate(
    candidates: dict[str, Candidate],
    baseline: str,
    prepared: Prepared,
    goal: Goal,
    runtime: Runtime,
    split: SplitName,
    timing: dict[str, Latency] | None,
    host: str,
    workspace: Workspace,
) -> dict[str, Scorecard]:
    """ONNX candidates by name → scorecards by digest, all measured on the files, side by side, on this host."""
    store = workspace.store
    products = {
        candidate.digest: evaluation.Product(
            candidate.digest, name, store.path(candidate.content), exporting.parity_of(candidate, store)
        )
        for name, candidate in candidates.items()
    }
    inputs = preprocessing.product_inputs(prepared.dataset, split, store)
    targets = store.get_array(prepared.dataset.splits[split].targets)

    def on_progress(share: float, what: str) -> None:
        tell(round(100 * share), 100, what)

    with shown(f"evaluate on {split}"):
        return evaluation.evaluate(products, baseline, inputs, targets, goal, runtime, split, on_progress, timing)


open_run = task(**OUTWARD, tags=["track"], name="open_run")(tracking.open_run)
record_child = task(**OUTWARD, tags=["track"], name="record_child")(tracking.record_child)
record_trials = task(**OUTWARD, tags=["track"], name="record_trials")(tracking.record_trials)
attach = task(**OUTWARD, tags=["track"], name="attach")(tracking.attach)
close_run = task(**OUTWARD, tags=["track"], name="close_run")(tracking.close_run)
register = task(**OUTWARD, tags=["registry"], name="register")(registry.register)
