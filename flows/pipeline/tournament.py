"""Tournament: several simple models of a table are fitted, and the best on validation becomes the baseline."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from flows.pipeline.findings import Entrant
from flows.pipeline.run_context import Job
from flows.recipe.default_branches import smaller_fits, tree_branches
from flows.recipe.schema import Recipe
from tasks.compression.branch import Branch, Compress
from tasks.compression.measure import evaluation_data
from tasks.core import Candidate, Prepared, Refusal
from tasks.data.preprocessing import column_steps
from tasks.evaluation import evaluate
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.models.estimators.families import FAMILIES
from tasks.models.model_spec import FamilyName, ModelSpec, Own
from tasks.training.simple.fit_spec import Fit, fit_of
from tasks.training.simple.fit_table import fit_table
from tasks.training.simple.folds import folds_of_few
from tasks.training.simple.out_of_fold import predict_out_of_fold

if TYPE_CHECKING:
    import numpy as np

ENTRANTS: tuple[FamilyName, ...] = ("linear", "lightgbm", "hist_boosting", "random_forest", "extra_trees")
"""The families of `auto`. Nearest neighbours take milliseconds a row; XGBoost is an extra."""
MINUTES = 5.0
"""Minutes of fitting after which no further family is begun, where the recipe does not say it."""


def settle_family(job: Job, prepared: Prepared) -> tuple[Job, tuple[Entrant, ...]]:
    """The job with the best family of the tournament as its model; the others become branches, where it names none.

    Returns:
        The job, and the models of the tournament, the best first. A job whose family is not `auto` stays as it is, and
        there are none.

    Raises:
        InputError: the data or a setting is wrong.
        Refusal: no family could be fitted.
    """
    if job.recipe.model.family != "auto":
        return job, ()
    entrants = tuple(sorted(run_tournament(job, prepared), key=lambda each: -each.score))
    best, *others = entrants
    if best.score == -math.inf:
        raise Refusal(f"none of the families {', '.join(ENTRANTS)} could be fitted to {prepared.dataset.source}")
    recipe = job.recipe.model_copy(update={"model": settings_of(job, best.family)})
    if not (recipe.compress and recipe.compress.branches):
        begun = [each for each in others if each.began]
        compress = (recipe.compress or Compress()).model_copy(update={"branches": challengers(recipe, begun)})
        recipe = recipe.model_copy(update={"compress": compress})
    return dataclasses.replace(job, recipe=recipe), entrants


def run_tournament(job: Job, prepared: Prepared) -> list[Entrant]:
    """Fits every family that can do what the recipe asks, and scores it.

    No further family is begun once the fits took the recipe's minutes. The seconds of a fit are kept with it, so that a
    run that goes on after a crash stops at the same family.

    Raises:
        InputError: the data or a setting is wrong.
    """
    model, found, spent = job.recipe.model, list[Entrant](), 0.0
    for family in ENTRANTS:
        if model.quantile is not None and FAMILIES[family].quantile is None:
            continue
        if spent > 60 * (model.minutes or MINUTES):
            found.append(Entrant(family, -math.inf, began=False))
            continue
        entrant = enter(job, prepared, family)
        spent += entrant.seconds
        found.append(entrant)
    return found


def enter(job: Job, prepared: Prepared, family: FamilyName) -> Entrant:
    """A family's fit with its score: in folds where rows are few (`folds_of_few`), else on the validation split.

    Raises:
        InputError: the data or a setting is wrong.
    """
    try:
        fitted = fit_family(job, prepared, family)
    except Refusal:
        return Entrant(family, -math.inf)
    record = fitted.lineage[-1].record
    assert record is not None  # every fit has one
    seconds, store = job.store.get_json(record)["seconds"], job.store
    if folds := folds_of_few(prepared, store):
        spec, steps = fit_of(settings_of(job, family), job.recipe.train.seed), column_steps(job.recipe.preprocess)
        label = f"fit {family} in {folds} folds"
        held = job.runner.run(label, predict_out_of_fold, prepared, spec, steps, folds, job.context)
        answers, targets = store.get_array(held.answers), store.get_array(held.targets)
        score = oriented_score(job, prepared, answers, targets)
        return Entrant(family, score, seconds + held.seconds, folds=folds)
    examples = evaluation_data(prepared, "validation", store)
    answers, _ = evaluate.run_file(store.path(fitted.content), examples.inputs, job.recipe.runtime)
    return Entrant(family, oriented_score(job, prepared, answers, examples.targets), seconds)


def oriented_score(job: Job, prepared: Prepared, answers: np.ndarray, targets: np.ndarray) -> float:
    """The goal's metric of answers, with the sign that makes higher better."""
    import numpy as np

    metric = metric_of(metric_spec(job.recipe.goal, prepared.dataset))
    return metric.oriented(float(metric.weighted(answers, targets)(np.ones((len(answers), 1)))[0]))


def fit_family(job: Job, prepared: Prepared, family: FamilyName | Own) -> Candidate:
    """The fit of one family with the recipe's settings; the same call again is answered from the store."""
    spec, steps = fit_of(settings_of(job, family), job.recipe.train.seed), column_steps(job.recipe.preprocess)
    return job.runner.run(f"fit {spec.factory or family}", fit_table, prepared, spec, steps, job.context)


def settings_of(job: Job, family: FamilyName | Own) -> ModelSpec:
    """The recipe's model, as one of this family."""
    return job.recipe.model.model_copy(update={"family": family, "minutes": None})


def challengers(recipe: Recipe, others: list[Entrant]) -> tuple[Branch, ...]:
    """The branches of a recipe that names none: smaller forms of the best model, and the other entrants."""
    seed, settings = recipe.train.seed, recipe.model
    fits = [(each.family, fit_of(settings.model_copy(update={"family": each.family}), seed)) for each in others]
    branches = [Branch(name=family, steps=(fit,)) for family, fit in fits]
    assert settings.family is not None  # the best one
    return (*tree_branches(settings.family), *smaller_fits(settings, seed), *branches, *smaller_forms(fits))


def smaller_forms(fits: list[tuple[FamilyName, Fit]]) -> list[Branch]:
    """A branch with fewer trees for each entrant that has trees."""
    forms = [(family, fit, form) for family, fit in fits for form in tree_branches(family)[:1]]
    return [Branch(name=f"{family} {form.name}", steps=(fit, *form.steps)) for family, fit, form in forms]
