"""Monitor job: a look at a batch without Prefect: reads, judges, remembers, reports and tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flows.loop.batch_reading import Batch, batches_in, read_batch
from flows.loop.monitor_history import LEVELS, record_look
from flows.loop.monitor_memory import MonitorMemory, keep_memory, locked, memory_file, recall_memory
from flows.loop.monitor_outcome import MonitorOutcome, looks_of, monitor_answer, report_file, worst_level
from flows.loop.releases.promoting import Release
from flows.loop.releases.shadowing import Shadowing, run_shadow, take_back
from flows.loop.releases.watched_champion import WatchedChampion, watched_champion
from flows.loop.webhook import post_outcome
from flows.pipeline.champion_reference import product_answers
from flows.recipe.schema import Recipe
from tasks.core import Workspace, digest_file, write_atomically
from tasks.evaluation.metric_choice import metric_of
from tasks.monitoring.drift import look_for_drift
from tasks.monitoring.example_columns import input_columns
from tasks.monitoring.harm import look_for_harm, row_losses
from tasks.monitoring.monitor_state import MonitorState, add_batch, count_losses, unlabelled_rows
from tasks.monitoring.reference_profile import Profile
from tasks.report.monitor_page import render_monitor

if TYPE_CHECKING:
    import numpy as np

Tell = Callable[[MonitorOutcome], str]
"""Tells others that something has to be done; returns what came of it, in a sentence, or nothing."""


def run_monitor(
    recipe: Recipe, source: Path, labels: Path | None, workspace: Workspace, tell: Tell | None = None
) -> MonitorOutcome:
    """Looks at a batch, or at each in a folder, and tells others where something has to be done.

    Batches and labels count once. Of a folder, the outcome is that of the batch that says most. A champion that is
    proven worse than the one before it is taken back; the other batches are then looked at with that one.

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
    files = batches_in(source, labels, champion.model, by_id=recipe.data.id is not None)
    found: list[MonitorOutcome] = []
    for file in files:
        found.append(_look_once(recipe, file, labels, champion, workspace, tell, len(files) > 1))
        if found[-1].back_to is not None:
            champion = watched_champion(recipe, workspace)
    new = [each for each in found if not each.seen_before] or found[-1:]
    worst = max(new, key=lambda each: (LEVELS[each.level], each.back_to is not None, each.look))
    if len(found) > 1:
        many = f"{len(found)} batches in {source}"
        fresh = sum(not each.seen_before for each in found)
        said = (
            f"{many}, {fresh} of them new; this is the new one that says most" if fresh else f"{many}, none of them new"
        )
        said += f"; {sum(each.labelled for each in found):,} new labels in all" if labels else ""
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
    is_one_of_many: bool,
) -> MonitorOutcome:
    """Looks at one batch."""
    batch = read_batch(recipe, source, labels, champion.model, is_one_of_many)
    file = memory_file(workspace.home, recipe.name, champion.version.version)
    with locked(file):
        identity = f"{champion.version.version} {digest_file(champion.model)} {champion.since}".rstrip()
        kept = recall_memory(file, identity, champion.profile.loss, recipe.monitor)
        outcome, memory = look_at(recipe, str(source), batch, champion, kept, workspace)
        keep_memory(file, memory)
        outcome, now = _taken_back(recipe, outcome, champion, workspace), datetime.now(UTC)
        if outcome.level == "act" and outcome.back_to is None and memory.may_tell(now, recipe.monitor.cooldown):
            outcome = replace(outcome, is_told=True)
            keep_memory(file, replace(memory, told=now.isoformat(timespec="seconds")))
    outcome = replace(_told(recipe, outcome, tell), report=str(report_file(workspace.home, recipe.name)))
    write_page(outcome)
    says_more = outcome.labelled > 0 or not outcome.seen_before
    failure = record_look(outcome, batch.digest, workspace) if says_more else ""
    return replace(outcome, notes=(*outcome.notes, *filter(None, [failure])))


def look_at(
    recipe: Recipe,
    source: str,
    batch: Batch,
    champion: WatchedChampion,
    kept: MonitorMemory,
    workspace: Workspace,
) -> tuple[MonitorOutcome, MonitorMemory]:
    """What the looks say of a batch, and what is known after it."""
    from tasks.evaluation.evaluate import run_file

    spec, profile, number = recipe.monitor, champion.profile, champion.version.version
    outputs, _ = run_file(champion.model, batch.inputs, recipe.runtime)
    before = kept.state.look_of(batch.digest)
    state = add_batch(kept.state, batch.digest, len(outputs))
    look = state.look_of(batch.digest)
    columns = input_columns(champion.model, batch.inputs, champion.cut)
    inputs = look_for_drift("inputs", profile.columns, columns, spec, look)
    predictions = look_for_drift("predictions", profile.answers, product_answers(champion.model, outputs), spec, look)
    beside = _shadowed(recipe, batch, champion, replace(kept, state=state), outputs, workspace.tracking_uri)
    counted = state.harm.n if state.harm else 0
    state = _with_labels(state, batch, outputs, profile)
    harm = look_for_harm(state.harm, profile.loss, spec) if state.harm and profile.loss else None
    looks = looks_of(harm, (inputs, predictions), beside.look)
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
        shadow=beside.look,
        notes=(*batch.warnings, *filter(None, [profile.features, beside.note])),
    )
    return outcome, MonitorMemory(state, kept.told, beside.shadow)


def _shadowed(
    recipe: Recipe, batch: Batch, champion: WatchedChampion, kept: MonitorMemory, outputs: np.ndarray, uri: str
) -> Shadowing:
    """What came of the previous champion beside this one, on the rows whose labels were not counted before."""
    import numpy as np

    if champion.profile.metric is None:
        return Shadowing()
    rows, targets = batch.labels
    new = np.isin(rows, unlabelled_rows(kept.state.batches[kept.state.look_of(batch.digest) - 1]))
    rows, targets = rows[new], targets[new]
    losses = row_losses(metric_of(champion.profile.metric), outputs[rows], targets)
    inputs = {name: values[rows] for name, values in batch.inputs.items()}
    return run_shadow(recipe, champion, kept.shadow, inputs, (losses, targets), uri)


def _taken_back(
    recipe: Recipe, outcome: MonitorOutcome, champion: WatchedChampion, workspace: Workspace
) -> MonitorOutcome:
    """The outcome after the previous champion was made champion again, where the shadow asks for it."""
    if outcome.shadow is None or outcome.shadow.level != "act":
        return outcome
    done = take_back(recipe, champion, outcome.shadow, workspace.tracking_uri)
    if not isinstance(done, Release):
        return replace(outcome, notes=(*outcome.notes, done))
    back = done.champion.version
    return replace(
        outcome,
        answer=f"Rolled back: {outcome.name} version {back} is champion again ({done.champion.reason})",
        notes=(*outcome.notes, *filter(None, [done.note])),
        back_to=back,
    )


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
    said += [post_outcome(recipe.monitor, outcome)]
    return replace(outcome, notes=(*outcome.notes, *filter(None, said)))
