"""Records: a run's findings in MLflow (parent, children, trials), in the registry and in the product's folder."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from flows.pipeline.findings import BranchResult, Findings
from flows.recipe.schema import Recipe
from flows.results.report_builder import as_yaml, last_step, record_of, selection_reasons
from flows.trials.compression_trial import CompressionObjective
from flows.trials.training_trial import TrainingObjective
from tasks.core import Runner, Store, Workspace, digest_of, write_atomically
from tasks.data import preprocessing
from tasks.search.results import Tuned
from tasks.tracking import RunContent, open_run, record_child, record_trials, search_tags
from tasks.tracking.metric_names import scorecard_metrics, scorecard_tags
from tasks.tracking.registry import Version, register

SAMPLE = 32
"""Examples on which the registered model must predict as ours does."""


def open_parent(recipe: Recipe, stamp: str, workspace: Workspace, runner: Runner) -> str:
    """The parent run of this flow run; the unfinished one of the same recipe and data is taken up again."""
    content = recipe.model_dump(mode="json")
    return runner.run(
        "open the run",
        open_run,
        workspace.tracking_uri,
        recipe.name,
        recipe.name,
        digest_of([content, stamp]),
        recipe.model_dump(mode="json", exclude_unset=True),
        {"paredown.recipe": digest_of(content)[:12]},
        workspace.home / "mlflow",
    )


def record(findings: Findings, workspace: Workspace, runner: Runner) -> None:
    """One child of the workspace's run for each candidate and for each search, with its trials under it."""
    for line in findings.lines:
        record_line(line, findings, workspace, runner)
    if findings.tuned is not None:
        record_search(TrainingObjective.role, findings.tuned, workspace, runner)
    if findings.searched is not None:
        record_search(CompressionObjective.role, findings.searched.tuned, workspace, runner)


def record_line(line: BranchResult, findings: Findings, workspace: Workspace, runner: Runner) -> None:
    """A candidate's child run: its steps, plans, curves, scorecard and file."""
    store = workspace.store
    product = line.product
    card = findings.cards[product.digest] if product else None
    reason = line.refusal or (selection_reasons(findings).get(product.digest, line.role) if product else "")
    content = RunContent(
        parameters={f"step.{index}": stage.label for index, stage in enumerate(line.stages)},
        metrics=scorecard_metrics(card) if card else {},
        curves=epoch_curves(line, store),
        files={"model.onnx": store.path(product.content)} if product else {},
        texts={f"plans/{name}.json": text for name, text in plans(line, store).items()},
        tags={
            "paredown.role": line.role,
            "paredown.reason": reason,
            "paredown.candidate": product.digest if product else "",
        },
    )
    key = f"{line.role}:{line.name}"
    runner.run(f"record {line.name}", record_child, workspace.tracking_uri, workspace.run, line.name, key, content)


def epoch_curves(line: BranchResult, store: Store) -> dict[str, list[tuple[int, float]]]:
    """The numbers of each trained stage by epoch, named after the stage's place in the branch."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for index, stage in enumerate(line.stages):
        for epoch in record_of(last_step(stage.model), store).get("curve", ()):
            for name in ("train_loss", "validation_loss", "validation_score"):
                if epoch[name] is not None:
                    curves.setdefault(f"{index}.{name}", []).append((epoch["number"], epoch[name]))
    return curves


def plans(line: BranchResult, store: Store) -> dict[str, str]:
    """Each step's plan and record, by its place in the branch."""
    found = {}
    last = line.stages[-1]
    for index, step in enumerate(last.exported.lineage):
        content = {"technique": step.technique, "version": step.version, "knobs": step.knobs}
        content |= {"plan": store.get_json(step.plan)} if step.plan else {}
        content |= {"record": store.get_json(step.record)} if step.record else {}
        found[f"{index}-{step.technique.replace(':', '.')}"] = json.dumps(content, indent=1)
    return found


def record_search(role: str, tuned: Tuned, workspace: Workspace, runner: Runner) -> None:
    """A search's run and its trials, from which a later search of this role begins; what it has already stays."""
    uri = workspace.tracking_uri
    content = RunContent(parameters=tuned.best, tags=search_tags(role, tuned.identity))
    search = runner.run(f"record {role}", record_child, uri, workspace.run, role, role, content)
    runner.run(f"record the trials of {role}", record_trials, uri, search, tuned.trials)


def register_product(findings: Findings, workspace: Workspace, runner: Runner) -> Version:
    """The product as a registry version, its scorecard as tags, proven to predict the same through MLflow."""
    from tasks.kernels.onnx import description, sessions

    store, product = workspace.store, findings.product
    inputs = preprocessing.product_inputs(findings.prepared.dataset, "validation", store)
    path, provider = store.path(product.content), findings.recipe.runtime.provider
    count = description.fixed_batch(path) or SAMPLE
    inputs = {name: array[:count] for name, array in inputs.items()}
    tags = scorecard_tags(findings.test[product.digest])
    tags |= {"paredown.candidate": product.digest, "paredown.meets_goal": str(findings.meets_goal).lower()}
    return runner.run(
        "register the product",
        register,
        workspace.tracking_uri,
        path,
        findings.recipe.name,
        workspace.run,
        tags,
        inputs,
        sessions.predict(path, inputs, provider=provider),
        provider,
    )


def publish(findings: Findings, report: str, workspace: Workspace) -> Path:
    """The product's folder: model.onnx, report.html, scorecard.json, recipe.yaml; each is written whole or not."""
    folder = workspace.reports / findings.recipe.name
    scorecards: dict[str, Any] = {
        split: [dataclasses.asdict(card) for card in cards.values()]
        for split, cards in (("validation", findings.cards), ("test", findings.test))
    }
    write_atomically(folder / "model.onnx", workspace.store.get(findings.product.content))
    write_atomically(folder / "scorecard.json", json.dumps(scorecards, indent=1).encode())
    write_atomically(folder / "recipe.yaml", as_yaml(findings.recipe).encode())
    write_atomically(folder / "report.html", report.encode())
    return folder
