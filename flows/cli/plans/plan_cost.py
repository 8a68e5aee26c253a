"""Plan cost: the most epochs and minutes that a run trains on this machine."""

from __future__ import annotations

from flows.cli.plans.plan import Plan
from flows.cli.plans.plan_search import (
    full_search,
    max_minutes,
)
from flows.pipeline.branches import control_branches
from flows.pipeline.simple.tournament import MINUTES
from flows.recipe.default_branches import branches_of
from flows.recipe.schema import Recipe
from tasks.compression.branch import Compress, is_training
from tasks.core import canonical_json
from tasks.search.search_spec import Search
from tasks.training.distillation import DistillationSpec
from tasks.training.ensembles.member_trainings import trainings_of


def describe_cost(plan: Plan) -> str:
    """The most epochs and minutes of training on this machine, as text."""
    recipe, compress = plan.recipe, branches_of(plan.recipe)
    recovered = recoveries(compress)
    model = recipe.model
    is_ready = (model.is_trained and not model.further) or model.transfer == "features"
    parts = [] if is_ready else [epochs_of("training", trained_epochs(recipe), plan)]
    if recipe.search and recipe.is_searched:
        parts.append(cost_of_search(recipe.search, plan))
    parts.append(epochs_of("recovery", sum(step.most_epochs for step in recovered if not step.minutes), plan))
    parts.append(("", sum(step.minutes or 0 for step in recovered)))
    if recipe.model.family == "auto":
        minutes = recipe.model.minutes or MINUTES
        parts.append((f"{minutes:g} minutes of fitting and one model more", minutes))
    if compress.search:
        budget = full_search(recipe).budget
        parts.append((f"a search for branches ({budget})", max_minutes(recipe, plan.epoch_seconds)))
    words = ", ".join(said for said, _ in parts if said)
    minutes = sum(each for _, each in parts)
    return f"at most {words or 'no training'}: about {minutes:.1f} minutes of training on this machine"


def trained_epochs(recipe: Recipe) -> int:
    """The most epochs of the baseline's training; of an ensemble of networks, of all its members."""
    if recipe.model.networks is None:
        return recipe.train.epochs
    epochs = sum(each.train.epochs for each in trainings_of(recipe.model, recipe.train))
    return epochs * (recipe.model.networks.trials or 1)


def epochs_of(name: str, epochs: int, plan: Plan) -> tuple[str, float]:
    """(text, minutes) of a number of epochs; the text is empty for 0 epochs."""
    return f"{epochs} epochs of {name}" if epochs else "", epochs * plan.epoch_seconds / 60


def cost_of_search(search: Search, plan: Plan) -> tuple[str, float]:
    """(text, minutes) of the most that a search over training values costs.

    That is the time of all its epochs or fits, one trial after the other, or its own time limit if that is shorter.
    """
    if plan.recipe.model.is_simple:
        said, minutes = f"{search.count or 'many'} trials of search", (search.count or 0) * plan.trial_seconds / 60
        return within_limit(search, said, minutes)
    epochs = plan.recipe.train.epochs
    each = min(search.epochs or epochs, epochs)
    if search.algorithm == "pbt":
        each = -(-each // search.generations)
    return within_limit(search, *epochs_of("search", (search.count or 0) * each, plan))


def within_limit(search: Search, said: str, minutes: float) -> tuple[str, float]:
    """(text, minutes) of a search, or its own time limit if that is shorter."""
    if search.minutes and (search.count is None or search.minutes < minutes):
        return f"{search.minutes:g} minutes of search", search.minutes
    return said, minutes


def recoveries(compress: Compress) -> list[DistillationSpec]:
    """The training steps of the branches and controls; a step after the same steps from the start counts once."""
    branches = [*compress.branches, *control_branches(compress.branches)]
    prefixes = {
        canonical_json([step.model_dump(mode="json") for step in branch.steps[: place + 1]]): step
        for branch in branches
        for place, step in enumerate(branch.steps)
    }
    return [step for step in prefixes.values() if is_training(step)]
