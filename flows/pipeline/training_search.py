"""Training search: the recipe's search before its baseline is made, and the recipe of the best point."""

from __future__ import annotations

import dataclasses
from typing import Any

from flows.pipeline import search_step
from flows.pipeline.run_context import Job
from flows.pipeline.simple.tournament import fit_family
from flows.recipe.points import freeze_point, own_point, set_values, with_point
from flows.recipe.schema import Recipe
from flows.trials.network_cost import needs_latency
from flows.trials.simple_trial import SimpleTrial
from flows.trials.training_trial import TrainingObjective
from tasks.core import Prepared, Refusal, digest_of
from tasks.kernels.host.machine import host_name
from tasks.models.ensembles.network_members import LEAST
from tasks.search.pareto_front import best_tradeoff, score_of
from tasks.search.results import EXCESS, SearchResult, best_point
from tasks.search.space import Point


def tune_training(job: Job, prepared: Prepared) -> tuple[Job, SearchResult | None]:
    """Runs the recipe's search over values of its model, preprocessing and training.

    Returns:
        The job with the best point in its recipe in place of the search, and the outcome of the search. Without a
        search, or for a model that is trained already, the same job and None.
    """
    recipe, search = job.recipe, job.recipe.search
    if search is None or not recipe.is_searched:
        return job, None
    if recipe.model.is_simple:
        return tune_simple(job, prepared)
    alone = recipe.model.model_copy(update={"ensemble": None})  # a trial trains one network
    objective = TrainingObjective(
        recipe.model_copy(update={"compress": None, "model": alone}), prepared, job.store.get_json(prepared.fitted)
    )
    epochs = min(search.epochs or recipe.train.epochs, recipe.train.epochs)
    host = host_name() if needs_latency(recipe) else ""
    tuned = search_step.run_search(objective, search, epochs, host, job, own_point(recipe, search))
    tuned = dataclasses.replace(tuned, best=best_tradeoff(tuned.trials, tuned.cost, recipe.goal.max_drop))
    if recipe.model.networks is not None and recipe.model.networks.trials:
        return dataclasses.replace(job, recipe=freeze_trials(recipe, tuned, recipe.model.networks.trials)), tuned
    return dataclasses.replace(job, recipe=freeze_point(recipe, tuned.best)), tuned


def freeze_trials(recipe: Recipe, tuned: SearchResult, count: int) -> Recipe:
    """The recipe with its best trials as the members of its ensemble, and without its search.

    Trials that ran to their end come first. There may be fewer than `count` of them.

    Raises:
        Refusal: there are fewer than two.
    """
    scored = [trial for trial in tuned.trials if trial.score is not None and EXCESS not in trial.measured]
    best = sorted(scored, key=lambda trial: (trial.state == "finished", score_of(trial)), reverse=True)
    points = list({digest_of(trial.point): trial.point for trial in reversed(best)}.values())[::-1][:count]
    if len(points) < LEAST:
        said = f"{len(points)} trials of the search have a score, and an ensemble needs {LEAST}"
        raise Refusal(f"model.ensemble.trials: {said}")
    members = [member_of(recipe, point) for point in points]
    content = recipe.model_dump(mode="json", exclude_unset=True)
    content["model"]["ensemble"] = {**content["model"]["ensemble"], "members": members}
    del content["model"]["ensemble"]["trials"], content["search"]
    return Recipe.model_validate(content)


def member_of(recipe: Recipe, point: Point) -> dict[str, Any]:
    """The member of an ensemble that a point of a search is, as plain data of the recipe."""
    own = with_point(recipe, point).model
    network: dict[str, Any] = {"factory": own.factory} if "model.factory" in point else {}
    if any(path.startswith("model.") for path in point):
        network["arguments"] = own.arguments
    return {**network, "train": set_values({}, point).get("train", {})}


def tune_simple(job: Job, prepared: Prepared) -> tuple[Job, SearchResult]:
    """Runs the search of a recipe with a simple model. The best point is the best whose file can be made."""
    recipe, search = job.recipe, job.recipe.search
    assert search is not None
    objective = SimpleTrial(recipe.model_copy(update={"compress": None}), prepared)
    search = search.model_copy(update={"scheduler": "none"})
    # The family as it is, with its defaults, has no value at any searched path.
    own = own_point(recipe, search) or {"model.family": recipe.model.family}
    tuned = search_step.run_search(objective, search, 1, "", job, own)
    tuned = dataclasses.replace(tuned, best=best_point(tuned.trials))
    while True:
        settled = dataclasses.replace(job, recipe=freeze_point(recipe, tuned.best))
        try:
            fit_family(settled, prepared, settled.recipe.model)
        except Refusal as reason:
            if not tuned.best:
                raise
            tuned = without_best(tuned, str(reason))
        else:
            return settled, tuned


def without_best(tuned: SearchResult, reason: str) -> SearchResult:
    """The outcome of a search whose best trial has failed after all, for this reason."""
    trials = tuple(
        dataclasses.replace(trial, score=None, state="failed", reason=reason) if trial.point == tuned.best else trial
        for trial in tuned.trials
    )
    return dataclasses.replace(tuned, trials=trials, best=best_point(trials))
