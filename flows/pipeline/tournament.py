"""Tournament: several simple models of a table are fitted, and the best on validation becomes the baseline."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from flows.pipeline.run_context import Job
from flows.recipe.default_branches import tree_branches
from flows.recipe.schema import Recipe
from tasks.compression.branch import Branch, Compress
from tasks.compression.measure import evaluation_data
from tasks.core import Candidate, Prepared, Refusal
from tasks.data.preprocessing import column_steps
from tasks.evaluation import evaluate
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.models.estimators.families import FAMILIES
from tasks.models.model_spec import FamilyName
from tasks.training.simple.fit_spec import Fit, fit_of
from tasks.training.simple.fit_table import fit_table

ENTRANTS: tuple[FamilyName, ...] = ("linear", "lightgbm", "hist_boosting", "random_forest", "extra_trees")
"""The families of `auto`. Nearest neighbours take milliseconds a row; XGBoost is an extra."""


@dataclass(frozen=True)
class Entrant:
    """A model of the tournament."""

    family: FamilyName
    score: float
    """The goal's metric on the validation split, with the sign that makes higher better; -inf of a model that could
    not be made, whose branch says why."""


def settle_family(job: Job, prepared: Prepared) -> Job:
    """The job with the best family of the tournament as its model; the others become branches, where it names none.

    A recipe whose family is not `auto` stays as it is.

    Raises:
        InputError: the data or a setting is wrong.
        Refusal: no family could be fitted.
    """
    if job.recipe.model.family != "auto":
        return job
    entrants = sorted(run_tournament(job, prepared), key=lambda each: -each.score)
    best, *others = entrants
    if best.score == -math.inf:
        raise Refusal(f"none of the families {', '.join(ENTRANTS)} could be fitted to {prepared.dataset.source}")
    model = job.recipe.model.model_copy(update={"family": best.family})
    recipe = job.recipe.model_copy(update={"model": model})
    if not (recipe.compress and recipe.compress.branches):
        compress = (recipe.compress or Compress()).model_copy(update={"branches": challengers(recipe, others)})
        recipe = recipe.model_copy(update={"compress": compress})
    return dataclasses.replace(job, recipe=recipe)


def run_tournament(job: Job, prepared: Prepared) -> list[Entrant]:
    """Fits every family that can do what the recipe asks, and scores it on validation.

    Raises:
        InputError: the data or a setting is wrong.
    """
    import numpy as np

    recipe, found = job.recipe, []
    metric = metric_of(metric_spec(recipe.goal, prepared.dataset))
    examples = evaluation_data(prepared, "validation", job.store)
    for family in ENTRANTS:
        if recipe.model.quantile is not None and FAMILIES[family].quantile is None:
            continue
        try:
            fitted = fit_family(job, prepared, family)
        except Refusal:
            found.append(Entrant(family, -math.inf))
            continue
        outputs, _ = evaluate.run_file(job.store.path(fitted.content), examples.inputs, recipe.runtime)
        score = float(metric.weighted(outputs, examples.targets)(np.ones((len(outputs), 1)))[0])
        found.append(Entrant(family, metric.oriented(score)))
    return found


def fit_family(job: Job, prepared: Prepared, family: FamilyName) -> Candidate:
    """The fit of one family with the recipe's settings; the same call again is answered from the store."""
    model = job.recipe.model.model_copy(update={"family": family})
    spec, steps = fit_of(model, job.recipe.train.seed), column_steps(job.recipe.preprocess)
    return job.runner.run(f"fit {family}", fit_table, prepared, spec, steps, job.context)


def challengers(recipe: Recipe, others: list[Entrant]) -> tuple[Branch, ...]:
    """The branches of a recipe that names none: smaller forms of the best model, and the other entrants."""
    seed, settings = recipe.train.seed, recipe.model
    fits = [(each.family, fit_of(settings.model_copy(update={"family": each.family}), seed)) for each in others]
    branches = [Branch(name=family, steps=(fit,)) for family, fit in fits]
    assert settings.family is not None  # the best one
    return (*tree_branches(settings.family), *branches, *smaller_forms(fits))


def smaller_forms(fits: list[tuple[FamilyName, Fit]]) -> list[Branch]:
    """A branch with fewer trees for each entrant that has trees."""
    forms = [(family, fit, form) for family, fit in fits for form in tree_branches(family)[:1]]
    return [Branch(name=f"{family} {form.name}", steps=(fit, *form.steps)) for family, fit, form in forms]
