"""Refitting: the baseline and the chosen candidate are fitted once more, on train and validation together.

So it is with simple models, and with the last layer of a network whose other layers are frozen. Validation has chosen
the models, their rounds and their smaller forms, so its rows are free for the last fit, as
`GridSearchCV(refit=True)` of scikit-learn has it. Plans of techniques are made anew for the new models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from flows.pipeline.branches import export_stage, run_branch
from flows.pipeline.compression_search import freeze_choices
from flows.pipeline.engines.engine_branches import in_engine_of
from flows.pipeline.findings import BranchResult, Refit, Stage
from flows.pipeline.measurement import measure_again
from flows.pipeline.preparation import refit_last_layer
from flows.pipeline.run_context import RunContext
from tasks.compression.branch import AnyStep, Branch, is_training
from tasks.compression.run_step import run_step
from tasks.core import Candidate, Refusal, Scorecard, Store
from tasks.data.splits.joined_splits import join_splits
from tasks.evaluation.selection import beyond_limit
from tasks.models.estimators.own_estimator import build_own, is_fitted
from tasks.training.simple.ensemble_spec import Ensemble
from tasks.training.simple.fit_spec import Fit, fit_of
from tasks.training.transfer.option_choice import CHOICE


@dataclasses.dataclass(frozen=True)
class Finalists:
    """The files of which the test decides: the baseline, and the one that was chosen."""

    run: RunContext
    """The run with this baseline; its data are what the files were fitted on."""
    results: tuple[BranchResult, ...]
    """The branches in which they were made."""
    chosen: Candidate
    cards: dict[str, Scorecard]
    """By digest. Their scores are those of validation, unless the files were fitted on it."""
    refit: Refit | None = None
    """Absent where nothing was to be fitted again."""


def choose_finalists(
    chosen: Candidate,
    branches: Sequence[Branch],
    results: tuple[BranchResult, ...],
    cards: dict[str, Scorecard],
    run: RunContext,
) -> Finalists:
    """The files that the test judges: fitted again where their models are simple ones, otherwise as they are.

    They stay as they are, with the reason, where a step refuses on the new model, or the new file is beyond a limit.

    Args:
        chosen: what validation chose; the product of one of the results.
        branches: the steps of all branches.
        results: the results of all branches, the baseline's first.
        cards: the validation scorecards, by digest.
        run: what the branches have in common.
    """
    before = Finalists(run, results, chosen, cards)
    name = next(each.branch_name for each in results if each.product and each.product.digest == chosen.digest)
    steps = next((branch.steps for branch in branches if branch.name == name), ())
    if not may_refit(run, steps):
        return before
    try:
        return fit_again(Branch(name=name, steps=steps) if steps else None, before)
    except Refusal as refusal:
        return dataclasses.replace(before, refit=Refit(run.baseline.exported, chosen, 0, str(refusal)))


def may_refit(run: RunContext, steps: Sequence[AnyStep]) -> bool:
    """Whether the recipe allows a last fit, in which nothing of the baseline or the branch looks at validation.

    Boosting has its rounds by then. Trainings of networks stop by validation; the weights of ensembles and the lessons
    of taught models come from folds of train; a fitted model of the user's own is never fitted.
    """
    model = run.recipe.model
    if not model.refit or any(is_training(step) or isinstance(step, Ensemble) for step in steps):
        return False
    if model.simple_family is None:
        return has_new_head(run.baseline.model)
    fits = [fit_of(model, run.recipe.train.seed), *(step for step in steps if isinstance(step, Fit))]
    own = [fit for fit in fits if fit.factory is not None]
    is_adopted = any(is_fitted(build_own(str(fit.factory), fit.arguments)) for fit in own)
    return not is_adopted and not any(fit.taught for fit in fits)


def has_new_head(model: Candidate) -> bool:
    """Whether a network's last layer was fitted on features, and nothing was trained."""
    return [step.technique for step in model.lineage if step.technique != CHOICE] == ["features"]


def fit_again(branch: Branch | None, before: Finalists) -> Finalists:
    """The baseline and the branch, fitted on train and validation.

    Args:
        branch: the branch that was chosen; None where the baseline was.
        before: the files as they were fitted on train.

    Raises:
        Refusal: a step refuses on the new model, or the new file is beyond one of the goal's limits.
        InputError: as `fit_table`.
    """
    old, job = before.run, before.run.job
    new, results = refit_baseline(old), list[BranchResult]()
    if branch is not None:
        stages = next(each.stages for each in before.results if each.name == branch.name)
        frozen = freeze_choices(branch, before.results, job.store).steps
        steps = [with_rounds(step, stage.model, job.store) for step, stage in zip(frozen, stages[1:], strict=True)]
        results.append(run_branch(branch.model_copy(update={"steps": tuple(steps)}), "candidate", new))
    results.insert(0, BranchResult("baseline", "baseline", (new.baseline,)))
    last, made = results[-1], results[-1].product
    if made is None:
        raise Refusal(f"fitted again, {last.refusal}")
    chosen = in_engine_of(made, before.chosen, new)
    thresholds = {
        new.baseline.exported.digest: before.cards[old.baseline.exported.digest].threshold,
        chosen.digest: before.cards[before.chosen.digest].threshold,
    }
    cards = measure_again(chosen, thresholds, dataclasses.replace(new, prepared=old.prepared))
    if (beyond := beyond_limit(cards[chosen.digest], job.recipe.goal)) is not None:
        raise Refusal(f"fitted again, {beyond}")
    rows = sum(old.prepared.dataset.splits[split].count for split in ("train", "validation"))
    return Finalists(new, tuple(results), chosen, cards, Refit(new.baseline.exported, chosen, rows))


def refit_baseline(run: RunContext) -> RunContext:
    """The run with a baseline that was fitted on train and validation, and the data for the fits of its branches.

    Techniques on a network get their examples from train as before.
    """
    job, old = run.job, run.baseline.model
    if job.recipe.model.simple_family is None:
        model = refit_last_layer(job, run.prepared)
        exported = export_stage(model, "baseline, fitted again", run.prepared, job)
        return dataclasses.replace(run, baseline=Stage("baseline", model, exported))
    joined = dataclasses.replace(run, prepared=join_splits(run.prepared, job.store))
    spec = with_rounds(fit_of(job.recipe.model, job.recipe.train.seed), old, job.store)
    model = run_step(spec, old, joined.step_inputs, job.context, job.runner, "fit the baseline again")
    return dataclasses.replace(joined, baseline=Stage("baseline", model, model))


def with_rounds(step: AnyStep, model: Candidate, store: Store) -> AnyStep:
    """A fit with the rounds that its model has; any other step as it is.

    Args:
        step: a step of a branch.
        model: what became of it.
        store: holds the records of its steps.
    """
    record = model.lineage[-1].record
    if not isinstance(step, Fit) or record is None:
        return step
    rounds = store.get_json(record).get("rounds")
    return step.model_copy(update={"rounds": rounds}) if rounds else step
