"""Pipeline: the main job as steps: data → tune → train or load → compress → evaluate → select → test once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from flows.pipeline import compression_search
from flows.pipeline.branches import control_branches, export_stage, run_branch
from flows.pipeline.findings import BranchResult, Findings, FoundBranches, Stage
from flows.pipeline.library_peers import compare_product
from flows.pipeline.own_models import keep_columns, settle_model
from flows.pipeline.run_context import Job, RunContext
from flows.pipeline.teaching import judge_lessons
from flows.pipeline.tournament import ENTRANTS, fit_family, settle_family
from flows.pipeline.training_search import tune_training
from flows.recipe.data_checks import check_model_file, check_recipe
from flows.recipe.data_defaults import fill_defaults, may_be_simple, with_family
from flows.recipe.default_branches import branches_of
from flows.recipe.points import searches_preprocess
from flows.recipe.schema import Recipe
from tasks.compression.branch import CONTROL, AnyStep, Branch, Compress, form_of
from tasks.compression.branch_space import usable
from tasks.compression.measure import evaluate_candidates
from tasks.compression.simple_fit import FitInputs, run_fit
from tasks.conversion import onnx_import
from tasks.conversion.answer_rule import keep_rule
from tasks.core import Candidate, Latency, Prepared, Scorecard, SplitName
from tasks.data import ingestion, preprocessing
from tasks.data.preprocessing import column_steps
from tasks.evaluation.evaluate import EvaluationSpec
from tasks.evaluation.metric_choice import metric_spec
from tasks.evaluation.selection import holds_on_test, select
from tasks.kernels.host.machine import host_name
from tasks.training import baseline
from tasks.training.simple.ensemble_spec import Ensemble, ensemble_of
from tasks.training.simple.fit_spec import Fit


def run_pipeline(job: Job) -> Findings:
    """Runs the main job of a recipe and returns its results.

    Raises:
        InputError: the data, the model or a knob is wrong, found before anything is trained; or a search does not get
            the resources that it asks for.
        Refusal: the training of the baseline diverges in its first epoch, or a file's outputs are not finite.
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
    results, cards, searched = run_branches(run)
    recipe, reference = job.recipe, run.baseline.exported
    selectable = {
        result.product.digest: result.product for result in results if result.product and result.role != "control"
    }
    choice = select({digest: cards[digest] for digest in selectable}, reference.digest, recipe.goal, may_win)
    chosen = selectable[choice.chosen]
    test = test_once(chosen, cards, run)
    held = choice.meets_goal and holds_on_test(test[chosen.digest], recipe.goal)
    product = chosen if held else reference
    recipe = with_found(recipe, searched) if searched else recipe
    metric = metric_spec(recipe.goal, prepared.dataset)
    file = keep_rule(product.content, metric, cards[product.digest].threshold, job.store)
    beside = compare_product(product, results, run)
    lessons, host = judge_lessons(results, cards, run), run.host
    found = (searched, file, entrants, beside, lessons)
    return Findings(recipe, prepared, tuned, results, cards, choice, product, test, held, host, *found)


def with_found(recipe: Recipe, found: FoundBranches) -> Recipe:
    """The recipe with the branches that were found added to its own, and without the search for them."""
    branches = (*branches_of(recipe).branches, *found.branches)
    return recipe.model_copy(update={"compress": Compress(branches=branches)})


def run_branches(run: RunContext) -> tuple[tuple[BranchResult, ...], dict[str, Scorecard], FoundBranches | None]:
    """Runs and measures the recipe's branches, their dense controls, and the branches that its search finds.

    Returns:
        The branch results, the baseline's first; the validation scorecards of all their stages, by digest; the outcome
        of the search, None without one.
    """
    compress = branches_of(run.recipe)
    results = (
        BranchResult("baseline", "baseline", (run.baseline,)),
        *(run_branch(branch, "candidate", run) for branch in compress.branches),
        *(run_branch(branch, "control", run) for branch in control_branches(compress.branches)),
    )
    cards = measure_stages("evaluate on validation", results, run)
    if compress.search is None:
        return results, cards, None
    found = compression_search.search_branches(compress.search, results, cards, run)
    more = (*found.results, *(run_branch(branch, "control", run) for branch in control_of_best(found, compress)))
    if more:
        cards = measure_stages("evaluate what was found", (results[0], *more), run) | cards
    return (*results, *more), cards, found


def control_of_best(found: FoundBranches, compress: Compress) -> list[Branch]:
    """The dense control of the best branch found, as a list; empty if a control with its training budget exists."""
    known = control_branches(compress.branches)
    budgets = [branch.steps for branch in known]
    best = [branch for branch in control_branches(found.branches[:1]) if branch.steps not in budgets]
    return [branch.model_copy(update={"name": f"{CONTROL} of {found.branches[0].name}"}) for branch in best]


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
    exports += count_folded(recipe, [branch.steps[0] for branch in compress.branches])
    exports += len(ENTRANTS) - 1 if recipe.model.family == "auto" else 0
    exports += int(recipe.model.is_simple and recipe.runtime.provider == "cpu")  # compared with Python
    searches = 0
    if recipe.search is not None and recipe.is_searched:
        searches += 1 + recipe.search.warm_start + searches_preprocess(recipe)
    if compress.search is not None:
        # The steps of the branches that it finds are not known yet.
        searches += len(usable(recipe.model.form, recipe.goal.minimize))
        searches += 1 + compress.search.warm_start + len(("evaluate what was found",))
    return len(taken) + exports + searches + len(("ingest", "preprocess", "baseline", "evaluate", "test"))


def count_folded(recipe: Recipe, firsts: Sequence[AnyStep]) -> int:
    """Number of fits in folds, and of comparisons of what the baseline teaches, for the first steps of branches."""
    own = recipe.model.ensemble
    ensembles = [*([own] if own else []), *(step for step in firsts if isinstance(step, Ensemble))]
    taught = sum(isinstance(step, Fit) and step.taught for step in firsts)
    teachers = len(own.members) if own else 1
    return sum(len(each.members) for each in ensembles if each.needs_folds) + taught * (teachers + 1)


def prepare_data(job: Job) -> Prepared:
    """Reads the data and fits the preprocessing. Raises InputError when the data is wrong."""
    spec, run = job.recipe.data, job.runner.run
    dataset = run(f"ingest {spec.source}", ingestion.ingest, spec, ingestion.source_stamp(spec), job.context)
    recipe, store = job.recipe, job.store
    dataset = keep_columns(recipe, dataset)
    given = dataset, recipe.preprocess, store, recipe.target_unit, recipe.text_encoding
    prepared = run("preprocess", preprocessing.preprocess, *given)
    if recipe.model.file is None:
        return prepared
    return onnx_import.arrange_inputs(prepared, recipe.model.file, bool(recipe.preprocess), store)


def prepare_again(job: Job, prepared: Prepared) -> Prepared:
    """The data with the job's own preprocessing, which a search has changed."""
    recipe = job.recipe
    given = prepared.dataset, recipe.preprocess, job.store, recipe.target_unit, recipe.text_encoding
    return job.runner.run("preprocess", preprocessing.preprocess, *given)


def start_branches(job: Job, prepared: Prepared) -> RunContext:
    """Makes and exports the baseline, and collects what all branches need."""
    model = make_baseline(job, prepared)
    exported = export_stage(model, "baseline", prepared, job)
    return RunContext(job, prepared, Stage("baseline", model, exported), host_name())


def make_baseline(job: Job, prepared: Prepared) -> Candidate:
    """The baseline: a simple model, imported from an ONNX file, loaded from trained weights, or trained."""
    recipe, run, store = job.recipe, job.runner.run, job.store
    model, label = recipe.model, "load the baseline"
    if (family := model.simple_family) is not None:  # `auto` was settled by the tournament
        return fit_family(job, prepared, family)
    if model.ensemble is not None:
        inputs = FitInputs(prepared, column_steps(recipe.preprocess), job.context, job.runner)
        return run_fit(ensemble_of(model, recipe.train.seed), inputs, "fit the ensemble")
    if model.file is not None:
        asked, stamp = bool(recipe.preprocess), onnx_import.file_stamp(model.file)
        return run(label, onnx_import.import_onnx, prepared, model, asked, recipe.export, stamp, store)
    if model.weights is not None:
        return run(label, baseline.load_pretrained, prepared, model, baseline.weights_stamp(model), store)
    return run("train the baseline", baseline.fit, model, recipe.train, job.inputs(prepared), job.context)


def measure_stages(label: str, results: tuple[BranchResult, ...], run: RunContext) -> dict[str, Scorecard]:
    """Validation scorecards of every different stage, by the digest of its ONNX candidate, all measured side by side.

    Args:
        label: the step's label for display.
        results: branch results; the baseline's is among them.
        run: what the branches of the run have in common.
    """
    candidates: dict[str, Candidate] = {}
    digests: set[str] = set()
    for result in results:
        for place, stage in enumerate(result.stages):
            if stage.exported.digest not in digests:
                digests.add(stage.exported.digest)
                is_last = stage is result.stages[-1] and result.refusal is None
                name = result.name if is_last else f"{result.name}: {stage.label}"
                name = f"{name} ({place})" if name in candidates else name
                candidates[name] = stage.exported
    return _evaluate(label, candidates, "validation", None, run)


def test_once(chosen: Candidate, cards: dict[str, Scorecard], run: RunContext) -> dict[str, Scorecard]:
    """Test scorecards of the baseline and the chosen candidate, by digest: the only use of the test split.

    Latency is not measured again, nor is a threshold chosen: both are those of the validation scorecards `cards`.
    """
    baseline = run.baseline.exported
    candidates = {"baseline": baseline}
    if chosen.digest != baseline.digest:
        candidates[chosen.name] = chosen
    timing = {each.digest: cards[each.digest].latency for each in candidates.values()}
    chosen_points = {each.digest: cards[each.digest].threshold for each in candidates.values()}
    thresholds = {digest: value for digest, value in chosen_points.items() if value is not None}
    return _evaluate("test once", candidates, "test", timing, run, thresholds)


def _evaluate(
    label: str,
    candidates: dict[str, Candidate],
    split: SplitName,
    timing: dict[str, Latency] | None,
    run: RunContext,
    thresholds: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, Scorecard]:
    goal, metric = run.recipe.goal, metric_spec(run.recipe.goal, run.prepared.dataset)
    spec = EvaluationSpec(goal, run.recipe.runtime, split, metric, thresholds)
    reference, call = run.baseline.exported.digest, run.job.runner.run
    return call(
        label, evaluate_candidates, candidates, reference, run.prepared, spec, timing, run.host, run.job.context
    )
