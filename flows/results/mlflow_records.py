"""MLflow records: write a run's findings to MLflow's runs and registry, and its files to the product's folder."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from flows.pipeline.champion_reference import describe_reference
from flows.pipeline.findings import BranchResult, Findings
from flows.pipeline.settled_recipe import settle_recipe
from flows.recipe.schema import Recipe
from flows.results.data_profile import shown_profile
from flows.results.report_builder import as_yaml, last_step, reason_of, record_of
from flows.trials.compression_trial import CompressionObjective
from flows.trials.training_trial import TrainingObjective
from tasks.core import Runner, Store, Workspace, digest_of, write_atomically
from tasks.data import input_layout
from tasks.data.profiles.redaction import of_inputs
from tasks.search.results import SearchResult
from tasks.tracking import NOTE, DatasetRecord, RunContent, open_run, record_child, record_trials, search_tags
from tasks.tracking.metric_names import library_metrics, profile_metrics, scorecard_metrics, scorecard_tags
from tasks.tracking.registered_profile import attach_profile
from tasks.tracking.registered_recipe import attach_recipe
from tasks.tracking.registered_reference import attach_reference
from tasks.tracking.registry import LEARNED, Version, register
from tasks.tracking.versions import BASELINE

SAMPLE = 32
"""Number of validation examples on which the registered model is compared with the product."""


def open_parent(recipe: Recipe, stamp: str, workspace: Workspace, runner: Runner, role: str = "") -> str:
    """Opens the parent run of this flow run; continues an unfinished one of the same recipe, data and role.

    Args:
        recipe: the recipe as it was given.
        stamp: identifies the state of the data source (`ingestion.source_stamp`).
        workspace: where the flow works.
        runner: calls the step.
        role: what the run is, where it is not the main job, such as `study`; it begins the run's name.

    Returns:
        The run id.
    """
    content = recipe.model_dump(mode="json")
    return runner.run(
        "open the run",
        open_run,
        workspace.tracking_uri,
        recipe.name,
        f"{role} {recipe.name}".strip(),
        digest_of([*filter(None, [role]), content, stamp]),
        recipe.model_dump(mode="json", exclude_unset=True),
        {"paredown.recipe": digest_of(content)[:12], **({"paredown.role": role} if role else {})},
        workspace.home / "mlflow",
    )


def record(findings: Findings, workspace: Workspace, runner: Runner) -> None:
    """Records a child run of the workspace's run for each branch and each search, with the search's trials under it."""
    for result in findings.results:
        record_result(result, findings, workspace, runner)
    if findings.tuned is not None:
        record_search(TrainingObjective.role, findings.tuned, workspace, runner)
    if findings.found is not None:
        record_search(CompressionObjective.role, findings.found.tuned, workspace, runner)


def record_result(result: BranchResult, findings: Findings, workspace: Workspace, runner: Runner) -> None:
    """Records a branch as a child run: its steps, plans, learning curves, scorecard and file."""
    store = workspace.store
    product = result.product
    card = findings.cards[product.digest] if product else None
    content = RunContent(
        parameters={f"step.{index}": stage.label for index, stage in enumerate(result.stages)},
        metrics=scorecard_metrics(card) if card else {},
        curves=epoch_curves(result, store),
        files={"model.onnx": store.path(product.content)} if product else {},
        texts={f"plans/{name}.json": text for name, text in plans(result, store).items()},
        tags={
            "paredown.role": result.role,
            "paredown.reason": reason_of(result, findings),
            "paredown.candidate": product.digest if product else "",
        },
    )
    key = f"{result.role}:{result.name}"
    runner.run(f"record {result.name}", record_child, workspace.tracking_uri, workspace.run, result.name, key, content)


def epoch_curves(result: BranchResult, store: Store) -> dict[str, list[tuple[int, float]]]:
    """Learning curves of the trained stages, as (epoch, value).

    Keys are `INDEX.train_loss`, `INDEX.validation_loss` and `INDEX.validation_score`; INDEX is the stage's index.
    """
    curves: dict[str, list[tuple[int, float]]] = {}
    for index, stage in enumerate(result.stages):
        for epoch in record_of(last_step(stage.model), store).get("curve", ()):
            for name in ("train_loss", "validation_loss", "validation_score"):
                if epoch[name] is not None:
                    curves.setdefault(f"{index}.{name}", []).append((epoch["number"], epoch[name]))
    return curves


def plans(result: BranchResult, store: Store) -> dict[str, str]:
    """The steps of a branch with plan and record, as JSON text; keys are `INDEX-TECHNIQUE`."""
    found = {}
    last = result.stages[-1]
    for index, step in enumerate(last.exported.lineage):
        content = {"technique": step.technique, "version": step.version, "knobs": step.knobs}
        content |= {"plan": store.get_json(step.plan)} if step.plan else {}
        content |= {"record": store.get_json(step.record)} if step.record else {}
        found[f"{index}-{step.technique.replace(':', '.')}"] = json.dumps(content, indent=1)
    return found


def record_search(role: str, tuned: SearchResult, workspace: Workspace, runner: Runner) -> None:
    """Records a search as a child run with its trials, from which later searches of this role can start.

    What was written while the search ran is not written again.
    """
    uri = workspace.tracking_uri
    content = RunContent(parameters=tuned.best, tags=search_tags(role, tuned.identity))
    search = runner.run(f"record {role}", record_child, uri, workspace.run, role, role, content)
    runner.run(f"record the trials of {role}", record_trials, uri, search, tuned.trials)


def register_product(findings: Findings, workspace: Workspace, runner: Runner) -> Version:
    """Registers the product as a model version, with its test scorecard as tags.

    Beside it lie the profile of its data, a monitor's reference, and the settled recipe.

    Raises:
        Refusal: the model read back from MLflow predicts something else.
    """
    import numpy as np

    from tasks.kernels.engines.runtime_record import read_runtime
    from tasks.kernels.onnx import description, sessions

    store, product = workspace.store, findings.product
    inputs = input_layout.product_inputs(findings.prepared, "validation", store)
    path, provider = store.path(findings.product_file), findings.recipe.runtime.provider
    count = description.fixed_batch(path) or SAMPLE
    names = {tensor.name for tensor in description.interface(path)[0]}
    inputs = {name: array[:count] for name, array in inputs.items() if name in names}
    outputs = {name: found for name, found in sessions.run_all(path, inputs).items() if isinstance(found, np.ndarray)}
    tags = scorecard_tags(findings.test[product.digest], findings.metric)
    tags |= {"paredown.candidate": product.digest, "paredown.meets_goal": str(findings.meets_goal).lower()}
    record = read_runtime(path)
    tags |= {"paredown.runtime": record.sentence, "paredown.engine": record.engine}
    tags[LEARNED] = str(findings.has_learned).lower()
    if findings.recipe.model.weights is not None:
        tags[BASELINE] = findings.results[0].stages[0].model.content
    version = runner.run(
        "register the product",
        register,
        workspace.tracking_uri,
        path,
        findings.recipe.name,
        workspace.run,
        tags,
        inputs,
        outputs,
        provider,
    )
    profile = of_inputs(shown_profile(findings.prepared.dataset, store, findings.recipe.report.examples), names)
    runner.run("register the profile", attach_profile, workspace.tracking_uri, version, profile)
    reference, cut = describe_reference(findings, store)
    runner.run("register the reference", attach_reference, workspace.tracking_uri, version, reference, cut)
    recipe = settle_recipe(findings, store)
    runner.run("register the recipe", attach_recipe, workspace.tracking_uri, version, recipe)
    return version


def parent_content(findings: Findings, answer: str, folder: Path) -> RunContent:
    """The content of the workspace's own run: the product's measurements, the data, a description and the files.

    Args:
        answer: the result of the run in a sentence.
        folder: the product's folder, as `publish` returns it.
    """
    product, dataset = findings.product, findings.prepared.dataset
    name = product.name if findings.meets_goal else "the baseline"
    counts: dict[str, int] = {split: part.count for split, part in dataset.splits.items()}
    note = (
        f"{answer}\n\nThe metrics of this run are those of the product, {name}. Below it is a run for each candidate "
    )
    note += "and each search. `report.html` among the artifacts has the evidence."
    metrics = scorecard_metrics(findings.cards[findings.origin]) | scorecard_metrics(findings.test[product.digest])
    return RunContent(
        metrics=metrics
        | (library_metrics(findings.library) if findings.library else {})
        | (profile_metrics(findings.profile) if findings.profile else {}),
        files={file: folder / file for file in ("report.html", "recipe.yaml", "scorecard.json")},
        tags={"paredown.answer": answer, NOTE: note},
        dataset=DatasetRecord(Path(dataset.source).name, dataset.fingerprint, dataset.source, counts),
    )


def publish(findings: Findings, report: str, workspace: Workspace) -> Path:
    """Writes model.onnx, report.html, scorecard.json and recipe.yaml, each atomically; returns their folder.

    Args:
        report: the report as HTML.
    """
    folder = workspace.reports / findings.recipe.name
    scorecards: dict[str, Any] = {
        split: [dataclasses.asdict(card) for card in cards.values()]
        for split, cards in (("validation", findings.cards), ("test", findings.test))
    }
    write_atomically(folder / "model.onnx", workspace.store.get(findings.product_file))
    write_atomically(folder / "scorecard.json", json.dumps(scorecards, indent=1).encode())
    write_atomically(folder / "recipe.yaml", as_yaml(findings.recipe).encode())
    write_atomically(folder / "report.html", report.encode())
    return folder
