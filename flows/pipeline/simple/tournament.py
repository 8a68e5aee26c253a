"""Tournament: several simple models of a table are fitted, and the best on validation becomes the baseline."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flows.pipeline.findings import Entrant
from flows.pipeline.run_context import Job
from flows.recipe.default_branches import smaller_fits, tree_branches
from tasks.compression.branch import Branch, Compress
from tasks.compression.measure import evaluation_data
from tasks.core import Candidate, Prepared, Refusal
from tasks.data.preprocessing import column_steps
from tasks.evaluation import evaluate
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.models.estimators.families import FAMILIES
from tasks.models.family_names import FamilyName
from tasks.models.model_spec import ModelSpec
from tasks.training.simple.fit_spec import Fit, fit_of
from tasks.training.simple.fit_table import fit_table
from tasks.training.simple.folds import folds_of_few
from tasks.training.simple.out_of_fold import predict_out_of_fold

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Contender:
    """A model of `auto`: a family, with arguments that are not its defaults."""

    name: str
    family: FamilyName
    arguments: Mapping[str, Any] = field(default_factory=dict)


def _boosting(name: str, rate: float, leaves: int, share: float, least: int, penalty: float) -> Contender:
    arguments = {"learning_rate": rate, "num_leaves": leaves, "colsample_bytree": share, "min_child_samples": least}
    return Contender(f"lightgbm {name}", "lightgbm", arguments | {"reg_lambda": penalty, "n_estimators": 2000})


ENTRANTS = (
    Contender("linear", "linear"),
    Contender("lightgbm", "lightgbm"),
    _boosting("small", 0.05, 12, 0.5, 20, 1.0),
    _boosting("wide", 0.05, 63, 0.6, 10, 1.0),
    _boosting("wider", 0.04, 127, 0.5, 5, 5.0),
    Contender("hist_boosting", "hist_boosting"),
    Contender("random_forest", "random_forest"),
    Contender("extra_trees", "extra_trees"),
)
"""The models of `auto`, in the order in which they begin. LightGBM is fitted in seconds, so it is tried with trees of
four sizes. Nearest neighbours take milliseconds a row; XGBoost is an extra."""
NEAR = 2.0
"""Margins of the goal within which another family's smaller forms may still meet it."""
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
        names = ", ".join(each.name for each in ENTRANTS)
        raise Refusal(f"none of the models {names} could be fitted to {prepared.dataset.source}")
    recipe = job.recipe.model_copy(update={"model": settings_of(job, best)})
    if not (recipe.compress and recipe.compress.branches):
        compress = (recipe.compress or Compress()).model_copy(update={"branches": challengers(job, best, others)})
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
    for each in ENTRANTS:
        if model.quantile is not None and FAMILIES[each.family].quantile is None:
            continue
        entrant = Entrant(each.name, each.family, dict(each.arguments), -math.inf)
        if spent > 60 * (model.minutes or MINUTES):
            found.append(dataclasses.replace(entrant, began=False))
            continue
        found.append(enter(job, prepared, entrant))
        spent += found[-1].seconds
    return found


def enter(job: Job, prepared: Prepared, entrant: Entrant) -> Entrant:
    """The entrant with its score: in folds where rows are few (`folds_of_few`), else on the validation split.

    Raises:
        InputError: the data or a setting is wrong.
    """
    settings = settings_of(job, entrant)
    try:
        fitted = fit_family(job, prepared, settings, entrant.name)
    except Refusal:
        return entrant
    record = fitted.lineage[-1].record
    assert record is not None  # every fit has one
    seconds, store = job.store.get_json(record)["seconds"], job.store
    if folds := folds_of_few(prepared, store):
        spec, steps = fit_of(settings, job.recipe.train.seed), column_steps(job.recipe.preprocess)
        label = f"fit {entrant.name} in {folds} folds"
        held = job.runner.run(label, predict_out_of_fold, prepared, spec, steps, folds, job.context)
        answers, targets = store.get_array(held.answers), store.get_array(held.targets)
        score = oriented_score(job, prepared, answers, targets)
        return dataclasses.replace(entrant, score=score, seconds=seconds + held.seconds, folds=folds)
    examples = evaluation_data(prepared, "validation", store)
    answers, _ = evaluate.run_file(store.path(fitted.content), examples.inputs, job.recipe.runtime)
    score = oriented_score(job, prepared, answers, examples.targets)
    return dataclasses.replace(entrant, score=score, seconds=seconds)


def oriented_score(job: Job, prepared: Prepared, answers: np.ndarray, targets: np.ndarray) -> float:
    """The goal's metric of answers, with the sign that makes higher better."""
    import numpy as np

    metric = metric_of(metric_spec(job.recipe.goal, prepared.dataset))
    return metric.oriented(float(metric.weighted(answers, targets)(np.ones((len(answers), 1)))[0]))


def fit_family(job: Job, prepared: Prepared, settings: ModelSpec, name: str = "") -> Candidate:
    """The fit of a simple model with the recipe's steps; the same call again is answered from the store.

    Args:
        job: the recipe, the context and the runner.
        prepared: the data.
        settings: the model, whose family is not `auto`.
        name: what it is called in the step's label. Absent: its factory or family.
    """
    spec, steps = fit_of(settings, job.recipe.train.seed), column_steps(job.recipe.preprocess)
    label = f"fit {name or spec.factory or spec.family}"
    return job.runner.run(label, fit_table, prepared, spec, steps, job.context)


def settings_of(job: Job, entrant: Entrant) -> ModelSpec:
    """The recipe's model, as this entrant."""
    update: dict[str, Any] = {"family": entrant.family, "minutes": None}
    arguments = {"arguments": entrant.arguments} if entrant.arguments else {}
    return job.recipe.model.model_copy(update=update | arguments)


def challengers(job: Job, best: Entrant, others: Sequence[Entrant]) -> tuple[Branch, ...]:
    """The branches of a recipe that names none: smaller forms of the best model, and the best of each other family.

    A family that loses more than NEAR times the goal's margin has no smaller forms: they answer as it does.
    """
    seed, settings, least = job.recipe.train.seed, settings_of(job, best), best.score - NEAR * job.recipe.goal.max_drop
    rivals: dict[FamilyName, Entrant] = {}
    for each in others:
        if each.began and each.family != best.family:
            rivals.setdefault(each.family, each)
    fits = [(family, fit_of(settings_of(job, each), seed)) for family, each in rivals.items()]
    branches = [Branch(name=family, steps=(fit,)) for family, fit in fits]
    smaller = (*tree_branches(best.family), *smaller_fits(settings, seed), *shallower_trees(job, best))
    return (*smaller, *branches, *smaller_forms([fit for fit in fits if rivals[fit[0]].score >= least]))


def shallower_trees(job: Job, best: Entrant) -> list[Branch]:
    """A branch with the best model's arguments and shallower trees, where its own are deeper than these."""
    shallow = FAMILIES[best.family].shallow
    if not best.arguments or any(best.arguments.get(name, 0) <= value for name, value in shallow.items()):
        return []
    smaller = dataclasses.replace(best, arguments={**best.arguments, **shallow})
    return [Branch(name="shallower-trees", steps=(fit_of(settings_of(job, smaller), job.recipe.train.seed),))]


def smaller_forms(fits: list[tuple[FamilyName, Fit]]) -> list[Branch]:
    """A branch with fewer trees for each entrant that has trees."""
    forms = [(family, fit, form) for family, fit in fits for form in tree_branches(family)[:1]]
    return [Branch(name=f"{family} {form.name}", steps=(fit, *form.steps)) for family, fit, form in forms]
