"""Step count: how many cached steps a run will have, for display."""

from __future__ import annotations

from collections.abc import Sequence

from flows.pipeline.branches import control_branches
from flows.pipeline.engines.engine_branches import uses_second_engine
from flows.pipeline.measurement import FITTED, TWIN_SEEDS
from flows.pipeline.simple.tournament import ENTRANTS
from flows.recipe.data_defaults import may_be_simple, with_family
from flows.recipe.default_branches import branches_of
from flows.recipe.points import searches_preprocess
from flows.recipe.schema import Recipe
from tasks.compression.branch import AnyStep, form_of
from tasks.compression.search_space.branch_space import usable
from tasks.training.simple.ensemble_spec import Ensemble
from tasks.training.simple.fit_spec import Fit
from tasks.training.student import Distill

TRANSFER_STEPS = {"features": 1, "fine_tune": 2, "auto": 3}
"""Way of `model.transfer` → number of its cached steps beside one baseline."""


def count_steps(recipe: Recipe) -> int:
    """Number of cached steps of a run, for display: exact if no step refuses and the search finds no branch.

    A recipe with a target that leaves its model open is taken to be one of a table.
    """
    is_open = recipe.data.target is not None and may_be_simple(recipe)
    recipe = with_family(recipe) if is_open else recipe
    compress = branches_of(recipe)
    taken = [step for branch in (*compress.branches, *control_branches(compress.branches)) for step in branch.steps]
    # A step on the torch model is followed by an export; an ONNX technique's answer is a file already.
    exports = sum(1 for step in taken if form_of(step) == "torch")
    exports += int(recipe.model.form == "torch")
    exports += TRANSFER_STEPS.get(str(recipe.model.transfer), 0) + recipe.model.further
    exports += count_members(recipe)
    exports += count_folded(recipe, [branch.steps[0] for branch in compress.branches])
    exports += len(ENTRANTS) - 1 if recipe.model.family == "auto" else 0
    exports += int(is_scored_on_train(recipe))
    exports += int(recipe.model.is_simple and recipe.runtime.provider == "cpu")  # compared with Python
    exports += 2 * (recipe.model.is_simple and recipe.model.ensemble is None and recipe.model.refit)  # at least
    exports += TWIN_SEEDS + 2 * (TWIN_SEEDS * (1 + len(recipe.augment)) - 1) if recipe.report.augmentations else 0
    exports += uses_second_engine(recipe)
    searches = 0
    if recipe.search is not None and recipe.is_searched:
        searches += 1 + recipe.search.warm_start + searches_preprocess(recipe)
    if compress.search is not None:
        # The steps of the branches that it finds are not known yet.
        searches += len(usable(recipe.model.form, recipe.goal.minimize))
        searches += 1 + compress.search.warm_start + len(("evaluate what was found",))
    return len(taken) + exports + searches + len(("ingest", "preprocess", "baseline", "evaluate", "test", "profile"))


def is_scored_on_train(recipe: Recipe) -> bool:
    """Whether the baseline is scored on train examples, too (`kind_of_fit`); of `auto`, it is taken to be so."""
    model = recipe.model
    if model.is_simple:
        return model.family == "auto" or model.family in FITTED
    return model.is_transferred or model.is_one_training or model.networks is not None or model.further


def count_members(recipe: Recipe) -> int:
    """Number of trainings of an ensemble of networks; their average is the step of the baseline."""
    networks = recipe.model.networks
    return 0 if networks is None else networks.trials or networks.snapshots or len(networks.members or ())


def count_folded(recipe: Recipe, firsts: Sequence[AnyStep]) -> int:
    """Number of fits in folds, and of comparisons of what the baseline teaches, for the first steps of branches."""
    own = recipe.model.simple_ensemble
    ensembles = [*([own] if own else []), *(step for step in firsts if isinstance(step, Ensemble))]
    taught = sum(isinstance(step, Fit) and step.taught for step in firsts)
    compared = sum(isinstance(step, Distill) and step.compare for step in firsts)
    teachers = len(own.members) if own else 1
    return sum(len(each.members) for each in ensembles if each.needs_folds) + taught * (teachers + 1) + compared
