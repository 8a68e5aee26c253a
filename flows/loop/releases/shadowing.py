"""Shadowing: the previous champion answers a batch beside the new one, which goes back where it is worse."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flows.loop.releases.going_back import go_back
from flows.loop.releases.promoting import Release
from flows.loop.releases.watched_champion import WatchedChampion
from flows.recipe.schema import Recipe
from flows.results.gate.file_interfaces import interface_conflict
from flows.results.gate.judging import MEANS
from tasks.core import InputError, MetricSpec, Refusal
from tasks.evaluation.metric_choice import metric_of
from tasks.monitoring.harm import row_losses, tolerance_of
from tasks.monitoring.reference_profile import LossReference
from tasks.monitoring.shadow import Shadow, ShadowLook, begin_shadow, extend_shadow, is_open, look_at_shadow
from tasks.tracking.version_files import file_of
from tasks.tracking.versions import CHAMPION, holder_of, versions_of

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Shadowing:
    """What came of running the previous champion beside the new one."""

    shadow: Shadow | None = None
    """What is kept; None where no previous champion runs."""
    look: ShadowLook | None = None
    """What it says, while the window is open or where it is proven."""
    note: str = ""
    """Why the previous champion could not answer; empty where it did, or had nothing to."""


def resume_shadow(recipe: Recipe, champion: WatchedChampion, kept: Shadow | None) -> Shadow | None:
    """The shadow of a champion as it was kept, or one that begins.

    Returns:
        None where no previous champion is to run beside it: there is none, the recipe asks for none, the champion has
        no reference loss, or no difference of losses would exceed what the gate allowed.
    """
    loss, metric = champion.profile.loss, champion.profile.metric
    if champion.previous is None or loss is None or metric is None or recipe.monitor.shadow == 0:
        return None
    margin = margin_of(recipe, metric, loss)
    if kept is not None and (kept.previous, kept.margin, kept.span) == (champion.previous, margin, loss.cap):
        return kept
    return begin_shadow(margin, loss.cap, champion.previous) if margin < loss.cap else None


def margin_of(recipe: Recipe, metric: MetricSpec, loss: LossReference) -> float:
    """By how much the new champion may lose more: what the gate allowed, where that is in the unit of a row's loss;
    else what harm tolerates."""
    return recipe.goal.max_drop if metric.name in MEANS else tolerance_of(loss, recipe.monitor)


def run_shadow(
    recipe: Recipe,
    champion: WatchedChampion,
    kept: Shadow | None,
    inputs: Mapping[str, np.ndarray],
    labels: tuple[np.ndarray, np.ndarray],
    uri: str,
) -> Shadowing:
    """Lets both champions answer rows with labels, while the window is open.

    Args:
        recipe: says how long the window is.
        champion: the new one.
        kept: what was seen before.
        inputs: of the rows, (count, …) each, as the champion takes them.
        labels: the champion's losses and the targets of these rows, (count,) each.
        uri: URI of the tracking server and registry.
    """
    shadow, note = resume_shadow(recipe, champion, kept), ""
    if shadow is None:
        return Shadowing()
    goes_on = is_open(shadow, recipe.monitor.shadow, champion.since, datetime.now(UTC))
    if goes_on and len(labels[1]):
        try:
            shadow = extend_shadow(shadow, previous_losses(recipe, champion, inputs, labels[1], uri), labels[0])
        except Refusal as refusal:
            note = f"version {shadow.previous} cannot run beside the champion: {refusal}"
    look = look_at_shadow(shadow, recipe.monitor.alpha)
    return Shadowing(shadow, look if goes_on or look.level == "act" else None, note)


def previous_losses(
    recipe: Recipe, champion: WatchedChampion, inputs: Mapping[str, np.ndarray], targets: np.ndarray, uri: str
) -> np.ndarray:
    """The previous champion's losses on rows, (count,).

    Raises:
        Refusal: its file is gone, was altered, or takes or answers something else.
    """
    from tasks.evaluation.evaluate import run_file

    assert champion.previous is not None  # or there would be no shadow
    assert champion.profile.metric is not None
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
        file = file_of(uri, recipe.name, champion.previous, Path(scratch))
        if conflict := interface_conflict(file, champion.model, inputs):
            raise Refusal(f"the champion {conflict}")
        outputs, _ = run_file(file, inputs, recipe.runtime)
    return row_losses(metric_of(champion.profile.metric), outputs, targets)


def take_back(recipe: Recipe, champion: WatchedChampion, look: ShadowLook, uri: str) -> Release | str:
    """Makes the previous champion champion again, and tells the recipe's own address.

    Returns:
        The release; or, where it cannot be done, why, in a sentence.
    """
    holder = holder_of(versions_of(uri, recipe.name), CHAMPION)
    if holder is None or holder.version != champion.version.version:
        return f"version {champion.version.version} is no longer champion, so nothing was taken back"
    reason = f"version {holder.version} was rolled back by the monitor: {look.sentence}"
    try:
        return go_back(uri, recipe.name, reason, recipe.monitor)
    except InputError as error:
        return f"version {look.previous} could not be made champion again: {error}"
