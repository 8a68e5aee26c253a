"""Retrain job: the champion's branch on new data, and what the gate says of it, without Prefect."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from flows.loop.champion_replay import Replay, replay_champion
from flows.pipeline.simple.own_models import settle_model
from flows.recipe.schema import Recipe
from flows.results.outcome import Outcome
from flows.results.run_job import run_job
from tasks.core import InputError, Runner, StoreError, Workspace
from tasks.monitoring.promotion import Promotion
from tasks.tracking.registered_recipe import recipe_of
from tasks.tracking.versions import BASELINE, CHAMPION, holder_of, versions_of

ADDED = "data.added"
"""Where the recipe of a retrain has what the command line calls `--data`."""


def plan_retrain(conf: Recipe, new_data: str | None, workspace: Workspace) -> Replay:
    """What a retrain of the recipe's champion runs.

    Args:
        conf: the recipe; its name is the registered model's.
        new_data: a source of new rows; None where the recipe's own source has them.
        workspace: knows the registry.

    Raises:
        InputError: there is no champion, it has no settled recipe, or a search is asked for that the recipe has not.
    """
    registered = recipe_of(workspace.tracking_uri, conf.name)
    replay = replay_champion(conf, registered, new_data, champion_baseline(conf.name, workspace))
    return dataclasses.replace(replay, recipe=settle_model(replay.recipe))


def champion_baseline(name: str, workspace: Workspace) -> Path | None:
    """The weights of the champion's baseline; None where it has none, or they are not in the store."""
    champion = holder_of(versions_of(workspace.tracking_uri, name), CHAMPION)
    digest = champion.tags.get(BASELINE) if champion else None
    try:
        return workspace.store.path(digest) if digest else None
    except StoreError:
        return None


def run_retrain(replay: Replay, workspace: Workspace, runner: Runner) -> Outcome:
    """Runs it, and lets the gate decide. The exit code is 0 where the new version is promoted, and 3 otherwise.

    Raises:
        InputError: as `run_job`; of new rows that do not fit the others, with `--data` as its place.
        Refusal: as `run_job`.
    """
    try:
        outcome = run_job(replay.recipe, workspace, runner, replay.note)
    except InputError as error:
        if (error.path or "").startswith(ADDED):
            raise error.at(path="--data") from error
        raise
    decided = outcome.promotion or Promotion("stay", _why_unjudged(outcome))
    return dataclasses.replace(outcome, promotion=decided, exit_code=0 if decided.verdict == "promote" else 3)


def _why_unjudged(outcome: Outcome) -> str:
    if outcome.version.alias is None:
        return "the champion stays: the new baseline is no better than a constant answer"
    return "the champion stays: the new file is the champion's own"
