"""Steps: every verb as a Prefect task with its policy: cache key, retries, tags, run name."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from typing import Any

from prefect import task

from tasks import tracking, tuning
from tasks.compression import compress as compression
from tasks.compression import fine_tuning
from tasks.compression.host_costs import costs_kept
from tasks.conversion import onnx_export, onnx_import
from tasks.conversion.onnx_export import Export
from tasks.core import Candidate, Dataset, Goal, Latency, Prepared, Runtime, Scorecard, SplitName, Workspace
from tasks.core.progress import tell
from tasks.data import ingestion, preprocessing
from tasks.data.augmentation import AugmentStep
from tasks.data.data_spec import DataSpec
from tasks.data.preprocessing import PreprocessStep
from tasks.evaluation import evaluate as evaluation
from tasks.evaluation import parity
from tasks.evaluation.evaluate import Product
from tasks.models.model_spec import ModelSpec
from tasks.search import results
from tasks.search.objective import Objective
from tasks.search.results import Known, Tuned
from tasks.search.search_spec import SearchBudget
from tasks.search.space import Point
from tasks.steps.caching import CACHED, OUTWARD, resumable
from tasks.steps.progress_artifacts import each_epoch, shown
from tasks.techniques import Technique
from tasks.tracking import Warm, registry
from tasks.training import baseline as baselines
from tasks.training.recovery import Recover
from tasks.training.student import Distill
from tasks.training.train_spec import TrainSpec
from tasks.tuning.progress_report import ProgressReporter


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
def remember(experiment: str, role: str, identity: str, search: SearchBudget, own: Point, workspace: Workspace) -> Warm:
    """What earlier searches of the experiment are worth to this one; `own` completes points that lack a path."""
    past = tracking.past_searches(workspace.tracking_uri, experiment, role, but=workspace.run)
    return tracking.warm(past, identity, search.space, own)


@task(**CACHED, tags=["search"])
def tune(
    work: Objective,
    search: SearchBudget,
    first: tuple[Point, ...],
    known: tuple[Known, ...],
    epochs: int,
    host: str,
    workspace: Workspace,
) -> Tuned:
    """A search over points → the best point and every trial; `host` is named where trials measure time.

    Its trials are in MLflow while it runs, if the workspace names the flow's run.
    """
    folder = resumable(workspace) or workspace.checkpoints / "search"
    arrays, needs = work.arrays(workspace.store), work.needs()
    told: dict[str, Any] = {"first": first, "known": known, "needs": needs, "modules": work.modules}
    told["on_progress"] = ProgressReporter(search, work)
    with shown("search"):
        with tracking.recording(workspace.tracking_uri, workspace.run, work.role, work.identity) as recorder:
            tuned = tuning.tune(work, search, arrays, workspace, folder, epochs, **told, on_trials=recorder)
            recorder(tuned.trials)
        count, note = len(tuned.trials), results.summarize_trials(tuned.trials)
        tell(count, count, note + (f", not in MLflow yet ({recorder.trouble})" if recorder.trouble else ""))
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
    return baselines.load_pretrained(prepared, model, workspace.store)


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
    return onnx_import.import_onnx(prepared, file, asked, spec, workspace.store)


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
        return fine_tuning.recover(
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
        return fine_tuning.distill(teacher, *knobs, resumable(workspace), each_epoch(spec.most_epochs, metric))


@task(**CACHED, tags=["export"])
def export(candidate: Candidate, prepared: Prepared, spec: Export, workspace: Workspace) -> Candidate:
    """A torch candidate → an ONNX candidate, each hop proven."""
    return onnx_export.export(candidate, prepared, spec, workspace.store)


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
        candidate.digest: Product(
            candidate.digest, name, store.path(candidate.content), parity.parity_of(candidate, store)
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
