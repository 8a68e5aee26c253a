"""Monitor job: a look at a batch without Prefect: reads, judges, remembers, reports and tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flows.loop.batch_reading import Batch, batches_in, read_batch
from flows.loop.monitor_history import LEVELS, record_look
from flows.loop.monitor_memory import MonitorMemory, keep_memory, locked, memory_file, recall_memory
from flows.loop.monitor_outcome import MonitorOutcome, looks_of, monitor_answer, report_file, worst_level
from flows.loop.webhook import post_outcome
from flows.pipeline.champion_reference import product_answers
from flows.recipe.schema import Recipe
from tasks.core import Workspace, digest_file, write_atomically
from tasks.evaluation.metric_choice import metric_of
from tasks.monitoring.drift import look_for_drift
from tasks.monitoring.example_columns import input_columns
from tasks.monitoring.harm import look_for_harm, row_losses
from tasks.monitoring.monitor_state import MonitorState, add_batch, count_losses
from tasks.monitoring.reference_profile import Profile, read_profile
from tasks.report.monitor_page import render_monitor
from tasks.tracking import registry
from tasks.tracking.registered_reference import reference_of

if TYPE_CHECKING:
    import numpy as np

Tell = Callable[[MonitorOutcome], str]
"""Tells others that something has to be done; returns what came of it, in a sentence, or nothing."""


@dataclass(frozen=True)
class WatchedChampion:
    """The champion that is watched."""

    version: registry.Version
    model: Path
    profile: Profile


def run_monitor(
    recipe: Recipe, source: Path, labels: Path | None, workspace: Workspace, tell: Tell | None = None
) -> MonitorOutcome:
    """Looks at a batch, or at each in a folder, and tells others where something has to be done.

    Batches and labels count once. Of a folder, the outcome is that of the batch that says most.

    What is seen is kept before anything is written or told elsewhere: a server that is away costs a warning.

    Args:
        recipe: its name is the registered model's; says what is tolerated.
        source: the batch, a file or folder as `predict` takes it.
        labels: a table of labels that came later.
        workspace: knows the home and the tracking server.
        tell: how `act` becomes known besides the recipe's own address; called once in a cool-down.

    Raises:
        InputError: there is no champion, the champion has no reference, or a file is wrong.
        Refusal: the champion's file or reference is not the one that was registered.
    """
    champion = watched_champion(recipe, workspace)
    files = batches_in(source, labels, champion.model)
    found = [_look_once(recipe, file, labels, champion, workspace, tell) for file in files]
    new = [each for each in found if not each.seen_before] or found[-1:]
    worst = max(new, key=lambda each: (LEVELS[each.level], each.look))
    if len(found) > 1:
        many = f"{len(found)} batches in {source}"
        fresh = sum(not each.seen_before for each in found)
        said = (
            f"{many}, {fresh} of them new; this is the new one that says most" if fresh else f"{many}, none of them new"
        )
        worst = replace(worst, notes=(said, *worst.notes), is_told=any(each.is_told for each in found))
        write_page(worst)
    return worst


def write_page(outcome: MonitorOutcome) -> None:
    """Writes the page of a look to the place that it names."""
    write_atomically(Path(outcome.report), render_monitor(outcome.record, datetime.now(UTC)).encode())


def _look_once(
    recipe: Recipe,
    source: Path,
    labels: Path | None,
    champion: WatchedChampion,
    workspace: Workspace,
    tell: Tell | None,
) -> MonitorOutcome:
    """Looks at one batch."""
    batch = read_batch(recipe, source, labels, champion.model)
    file = memory_file(workspace.home, recipe.name, champion.version.version)
    with locked(file):
        identity = f"{champion.version.version} {digest_file(champion.model)}"
        kept = recall_memory(file, identity, champion.profile.loss, recipe.monitor)
        outcome, state = look_at(recipe, str(source), batch, champion, kept)
        now = datetime.now(UTC)
        outcome = replace(outcome, is_told=outcome.level == "act" and kept.may_tell(now, recipe.monitor.cooldown))
        told = now.isoformat(timespec="seconds") if outcome.is_told else kept.told
        keep_memory(file, MonitorMemory(state, told))
    outcome = replace(_told(recipe, outcome, tell), report=str(report_file(workspace.home, recipe.name)))
    write_page(outcome)
    says_more = outcome.labelled > 0 or not outcome.seen_before
    failure = record_look(outcome, batch.digest, workspace) if says_more else ""
    return replace(outcome, notes=(*outcome.notes, *filter(None, [failure])))


def watched_champion(recipe: Recipe, workspace: Workspace) -> WatchedChampion:
    """The champion of a recipe's name, with the reference that was registered beside it.

    Raises:
        InputError: there is none.
        Refusal: a file differs from the registered one.
    """
    uri = workspace.tracking_uri
    version, model = registry.champion(uri, recipe.name)
    return WatchedChampion(version, model, read_profile(reference_of(uri, recipe.name, version.version)))


def look_at(
    recipe: Recipe, source: str, batch: Batch, champion: WatchedChampion, kept: MonitorMemory
) -> tuple[MonitorOutcome, MonitorState]:
    """What the three looks say of a batch, and what is known after it."""
    from tasks.evaluation.evaluate import run_file

    spec, profile = recipe.monitor, champion.profile
    outputs, _ = run_file(champion.model, batch.inputs, recipe.runtime)
    before = kept.state.look_of(batch.digest)
    state = add_batch(kept.state, batch.digest, len(outputs))
    look = state.look_of(batch.digest)
    columns = input_columns(champion.model, batch.inputs)
    inputs = look_for_drift("inputs", profile.columns, columns, spec, look)
    predictions = look_for_drift("predictions", profile.answers, product_answers(champion.model, outputs), spec, look)
    counted = state.harm.n if state.harm else 0
    state = _with_labels(state, batch, outputs, profile)
    harm = look_for_harm(state.harm, profile.loss, spec) if state.harm and profile.loss else None
    looks = looks_of(harm, (inputs, predictions))
    number = champion.version.version
    outcome = MonitorOutcome(
        name=recipe.name,
        version=number,
        source=source,
        look=look,
        rows=len(outputs),
        labelled=harm.n - counted if harm else 0,
        seen_before=before > 0,
        level=worst_level(looks),
        answer=monitor_answer(recipe.name, number, looks, spec),
        looks=looks,
        harm=harm,
        inputs=inputs,
        predictions=predictions,
        notes=batch.warnings,
    )
    return outcome, state


def _with_labels(state: MonitorState, batch: Batch, outputs: np.ndarray, profile: Profile) -> MonitorState:
    """The state with the labels of a batch counted, where the champion has losses to compare with."""
    rows, targets = batch.labels
    if profile.loss is None or profile.metric is None or not len(rows):
        return state
    losses = row_losses(metric_of(profile.metric), outputs[rows], targets)
    return count_losses(state, batch.digest, rows, losses, profile.loss)


def _told(recipe: Recipe, outcome: MonitorOutcome, tell: Tell | None) -> MonitorOutcome:
    """The outcome with what came of telling it."""
    if not outcome.is_told:
        return outcome
    said = [tell(outcome)] if tell else []
    said += [post_outcome(recipe.monitor.notify, outcome)] if recipe.monitor.notify else []
    return replace(outcome, notes=(*outcome.notes, *filter(None, said)))
