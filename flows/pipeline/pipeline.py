"""Pipeline: the main job as steps: data → tune → train or load → compress → evaluate → select → test once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from flows.pipeline import compression_search
from flows.pipeline.branches import control_branches, run_branch
from flows.pipeline.engines.engine_branches import add_engines
from flows.pipeline.findings import BranchResult, Findings, FoundBranches
from flows.pipeline.measurement import judge_augmentation, measure_stages, profile_run, score_baseline, test_once
from flows.pipeline.preparation import prepare_again, prepare_data, start_branches
from flows.pipeline.refitting import choose_finalists
from flows.pipeline.run_context import Job, RunContext
from flows.pipeline.simple.library_peers import compare_product
from flows.pipeline.simple.own_models import settle_model
from flows.pipeline.simple.tournament import settle_family
from flows.pipeline.teaching import judge_ensemble, judge_lessons
from flows.pipeline.training_search import tune_training
from flows.recipe.data_checks import check_model_file, check_recipe
from flows.recipe.data_defaults import fill_defaults
from flows.recipe.default_branches import branches_of
from flows.recipe.points import searches_preprocess
from flows.recipe.schema import Recipe
from tasks.compression.branch import CONTROL, Branch, Compress
from tasks.conversion.answer_rule import keep_rule
from tasks.conversion.engine_trials import EngineTrial, keep_record
from tasks.core import Candidate, Scorecard
from tasks.evaluation.metric_choice import metric_spec
from tasks.evaluation.selection import Selection, holds_on_test, select


def run_pipeline(job: Job) -> Findings:
    """Runs the main job of a recipe and returns its results.

    Raises:
        InputError: the data, the model or a knob is wrong, found before anything is trained; or the training of the
            baseline diverges in its first epoch; or a search does not get the resources that it asks for.
        Refusal: a file's outputs are not finite.
    """
    job = dataclasses.replace(job, recipe=settle_model(job.recipe))
    check_model_file(job.recipe)
    prepared = prepare_data(job)
    job = dataclasses.replace(job, recipe=fill_defaults(job.recipe, prepared.dataset))
    check_recipe(job.recipe, prepared, job.store)
    may_win = job.recipe.model.family == "auto"
    job, entrants = settle_family(job, prepared)
    is_changed = searches_preprocess(job.recipe)
    job, tuned = tune_training(job, prepared)
    prepared = prepare_again(job, prepared) if is_changed else prepared
    run = start_branches(job, prepared)
    results, cards, searched, trials = run_branches(run, may_win)
    train_score = score_baseline(run)
    recipe = with_found(job.recipe, searched) if searched else job.recipe
    choice = choose_candidate(results, cards, run, may_win)
    chosen = candidates_of(results)[choice.chosen]
    finalists = choose_finalists(chosen, branches_of(recipe).branches, results, cards, run)
    test = test_once(finalists.chosen, finalists.cards, dataclasses.replace(finalists.run, prepared=prepared))
    held = choice.meets_goal and holds_on_test(test[finalists.chosen.digest], recipe.goal)
    product = finalists.chosen if held else finalists.run.baseline.exported
    metric = metric_spec(recipe.goal, prepared.dataset)
    return Findings(
        *(recipe, prepared, tuned, results, cards, choice, product, test, held, run.host),
        found=searched,
        file=keep_record(
            keep_rule(product.content, metric, finalists.cards[product.digest].threshold, job.store),
            recipe.runtime,
            job.store,
        ),
        entrants=entrants,
        library=compare_product(product, finalists.results, finalists.run),
        profile=profile_run(product, finalists.cards, finalists.run),
        lessons=judge_lessons(results, cards, run),
        ensemble=judge_ensemble(run),
        augmentation=judge_augmentation(cards, run),
        refit=finalists.refit,
        train_score=train_score,
        trials=trials,
    )


def choose_candidate(
    results: Sequence[BranchResult], cards: dict[str, Scorecard], run: RunContext, may_win: bool
) -> Selection:
    """Chooses a file by the validation scorecards.

    Args:
        results: the results of all branches.
        cards: the validation scorecards, by digest.
        run: what the branches have in common.
        may_win: whether the baseline itself may meet the goal (`select`).
    """
    known = {digest: cards[digest] for digest in candidates_of(results)}
    return select(known, run.baseline.exported.digest, run.recipe.goal, may_win)


def candidates_of(results: Sequence[BranchResult]) -> dict[str, Candidate]:
    """The files among which the product is chosen, the baseline's among them, by digest."""
    return {each.product.digest: each.product for each in results if each.product and each.role != "control"}


def with_found(recipe: Recipe, found: FoundBranches) -> Recipe:
    """The recipe with the branches that were found added to its own, and without the search for them."""
    branches = (*branches_of(recipe).branches, *found.branches)
    return recipe.model_copy(update={"compress": Compress(branches=branches)})


def run_branches(
    run: RunContext, may_win: bool = False
) -> tuple[tuple[BranchResult, ...], dict[str, Scorecard], FoundBranches | None, tuple[EngineTrial, ...]]:
    """Runs and measures the recipe's branches, their dense controls, and the branches that its search finds.

    Files that are faster in a second engine are measured there, too.

    Args:
        run: what the branches have in common.
        may_win: whether the baseline itself may meet the goal (`select`).

    Returns:
        The branch results, the baseline's first; the validation scorecards of all their stages, by digest; the outcome
        of the search, None without one; what a first look found in a second engine.
    """
    compress = branches_of(run.recipe)
    own = (
        BranchResult("baseline", "baseline", (run.baseline,)),
        *(run_branch(branch, "candidate", run) for branch in compress.branches),
        *(run_branch(branch, "control", run) for branch in control_branches(compress.branches)),
    )
    results, trials = add_engines("try the second engine", own, run)
    cards = measure_stages("evaluate on validation", results, run, may_win)
    if compress.search is None:
        return results, cards, None, trials
    found = compression_search.search_branches(compress.search, own, cards, run)
    more = (*found.results, *(run_branch(branch, "control", run) for branch in control_of_best(found, compress)))
    if more:
        more, tried = add_engines("try the second engine on what was found", more, run)
        cards = measure_stages("evaluate what was found", (results[0], *more), run, may_win) | cards
        trials = (*trials, *tried)
    return (*results, *more), cards, found, trials


def control_of_best(found: FoundBranches, compress: Compress) -> list[Branch]:
    """The dense control of the best branch found, as a list; empty if a control with its training budget exists."""
    known = control_branches(compress.branches)
    budgets = [branch.steps for branch in known]
    best = [branch for branch in control_branches(found.branches[:1]) if branch.steps not in budgets]
    return [branch.model_copy(update={"name": f"{CONTROL} of {found.branches[0].name}"}) for branch in best]
