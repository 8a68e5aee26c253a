"""The main job as one composition of steps: data → train or load → tune → compress → evaluate → select → test once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from flows.pipeline import compression_search, search_step
from flows.pipeline.branches import RunContext, controls, export_stage, run_branch
from flows.pipeline.findings import BranchResult, Findings, FoundBranches, Stage
from flows.recipe.data_checks import check_model_file, check_recipe
from flows.recipe.default_branches import branches_of
from flows.recipe.points import freeze_point, own_point
from flows.recipe.schema import Recipe
from flows.trials.network_cost import needs_latency
from flows.trials.training_trial import TrainingObjective
from tasks.compression.branch import CONTROL, Branch, Compress
from tasks.compression.branch_space import usable
from tasks.conversion import onnx_import
from tasks.core import Candidate, Latency, Prepared, Scorecard, SplitName, Workspace, digest_file
from tasks.data import ingestion
from tasks.evaluation.selection import select
from tasks.kernels.host.machine import host_name
from tasks.search.pareto_front import best_tradeoff
from tasks.search.results import Tuned
from tasks.steps import definitions
from tasks.steps.runner import Call


def run_pipeline(recipe: Recipe, workspace: Workspace, call: Call) -> Findings:
    """The whole job; `call` decides how a step is called (by Prefect, or as the plain function that it is).

    Raises:
        InputError: the data, the model or a knob is wrong; nothing was trained yet.
    """
    check_model_file(recipe)
    prepared = prepare_data(recipe, workspace, call)
    check_recipe(recipe, prepared, workspace.store)
    recipe, tuned = tune_training(recipe, prepared, workspace, call)
    bench = start_branches(recipe, prepared, workspace, call)
    lines, cards, searched = compress_baseline(bench)
    baseline = bench.baseline.exported
    selectable = {line.product.digest: line.product for line in lines if line.product and line.role != "control"}
    choice = select({digest: cards[digest] for digest in selectable}, baseline.digest, recipe.goal)
    chosen = selectable[choice.chosen]
    test = test_once(chosen, cards, bench)
    held = choice.meets_goal and test[chosen.digest].drop.verdict != "beyond"
    product = chosen if held else baseline
    recipe = with_found(recipe, searched) if searched else recipe
    return Findings(recipe, prepared, tuned, lines, cards, choice, product, test, held, bench.host, searched)


def with_found(recipe: Recipe, found: FoundBranches) -> Recipe:
    """The recipe with the branches that were found among its own, and no search for them."""
    branches = (*branches_of(recipe).branches, *found.branches)
    return recipe.model_copy(update={"compress": Compress(branches=branches)})


def compress_baseline(bench: RunContext) -> tuple[tuple[BranchResult, ...], dict[str, Scorecard], FoundBranches | None]:
    """The branches of the recipe with their controls, and those that its search finds, all measured."""
    compress = branches_of(bench.recipe)
    lines = (
        BranchResult("baseline", "baseline", (bench.baseline,)),
        *(run_branch(branch, "candidate", bench) for branch in compress.branches),
        *(run_branch(branch, "control", bench) for branch in controls(compress.branches)),
    )
    cards = measure_stages("evaluate on validation", lines, bench)
    if compress.search is None:
        return lines, cards, None
    found = compression_search.search_branches(compress.search, lines, cards, bench)
    more = (*found.lines, *(run_branch(branch, "control", bench) for branch in more_controls(found, compress)))
    if more:
        cards = measure_stages("evaluate what was found", (lines[0], *more), bench) | cards
    return (*lines, *more), cards, found


def more_controls(found: FoundBranches, compress: Compress) -> list[Branch]:
    """The dense control of the best that was found, unless its budget has one."""
    known = controls(compress.branches)
    budgets = [branch.steps for branch in known]
    best = [branch for branch in controls(found.branches[:1]) if branch.steps not in budgets]
    return [branch.model_copy(update={"name": f"{CONTROL} of {found.branches[0].name}"}) for branch in best]


def count_steps(recipe: Recipe) -> int:
    """How many steps a run has, if no branch is refused on its way."""
    compress = branches_of(recipe)
    taken = [step for branch in (*compress.branches, *controls(compress.branches)) for step in branch.steps]
    # A step on the torch model is followed by an export; an ONNX technique's answer is a file already.
    exports = sum(1 for step in taken if getattr(step, "form", "torch") == "torch")
    exports += int(recipe.model.file is None)
    searches = 0
    if recipe.search is not None and not recipe.model.is_trained:
        searches += 1 + recipe.search.warm_start
    if compress.search is not None:
        # What is found comes on top of this.
        searches += len(usable("torch" if recipe.model.file is None else "onnx", recipe.goal.minimize))
        searches += 1 + compress.search.warm_start + len(("evaluate what was found",))
    return len(taken) + exports + searches + len(("ingest", "preprocess", "baseline", "evaluate", "test"))


def prepare_data(recipe: Recipe, workspace: Workspace, call: Call) -> Prepared:
    """The data, read and preprocessed."""
    stamp = ingestion.source_stamp(recipe.data)
    dataset = call(f"ingest {recipe.data.source}", definitions.ingest, recipe.data, stamp, workspace)
    prepared: Prepared = call("preprocess", definitions.preprocess, dataset, recipe.preprocess, workspace)
    return prepared


def tune_training(recipe: Recipe, prepared: Prepared, workspace: Workspace, call: Call) -> tuple[Recipe, Tuned | None]:
    """The recipe with the best point in place of its search; untouched when there is nothing to search or to train."""
    search = recipe.search
    if search is None or recipe.model.is_trained:
        return recipe, None
    own = own_point(recipe, search)
    trial = TrainingObjective(
        recipe.model_copy(update={"compress": None}), prepared, workspace.store.get_json(prepared.fitted)
    )
    epochs = min(search.epochs or recipe.train.epochs, recipe.train.epochs)
    host = host_name() if needs_latency(recipe) else ""
    tuned = search_step.run_search(trial, search, epochs, recipe.name, host, workspace, call, own)
    tuned = dataclasses.replace(tuned, best=best_tradeoff(tuned.trials, tuned.cost, recipe.goal.max_drop))
    return freeze_point(recipe, tuned.best), tuned


def start_branches(recipe: Recipe, prepared: Prepared, workspace: Workspace, call: Call) -> RunContext:
    """The baseline, trained or adopted, and everything else that branches need."""
    model = make_baseline(recipe, prepared, workspace, call)
    bench = RunContext(recipe, prepared, Stage("baseline", model, model), host_name(), workspace, call)
    exported = export_stage(model, "baseline", bench)
    return dataclasses.replace(bench, baseline=Stage("baseline", model, exported))


def make_baseline(recipe: Recipe, prepared: Prepared, workspace: Workspace, call: Call) -> Candidate:
    """The baseline: an ONNX file, trained weights, or what the training makes."""
    model = recipe.model
    found: Candidate
    if model.file is not None:
        asked = bool(recipe.preprocess)
        stamp = onnx_import.stamp(model.file)
        found = call(
            "load the baseline", definitions.bring, prepared, model.file, asked, recipe.export, stamp, workspace
        )
    elif model.weights is not None:
        stamp = digest_file(Path(model.weights))
        found = call("load the baseline", definitions.adopt, prepared, model, stamp, workspace)
    else:
        knobs = (prepared, model, recipe.augment, recipe.train, recipe.goal.metric)
        found = call("train the baseline", definitions.fit, *knobs, workspace)
    return found


def measure_stages(label: str, lines: tuple[BranchResult, ...], bench: RunContext) -> dict[str, Scorecard]:
    """Validation scorecards of every stage that could be exported, all measured side by side."""
    candidates: dict[str, Candidate] = {}
    digests: set[str] = set()
    for line in lines:
        for place, stage in enumerate(line.stages):
            if stage.exported.digest not in digests:
                digests.add(stage.exported.digest)
                is_last = stage is line.stages[-1] and line.refusal is None
                name = line.name if is_last else f"{line.name}: {stage.label}"
                name = f"{name} ({place})" if name in candidates else name
                candidates[name] = stage.exported
    return _evaluate(label, candidates, "validation", None, bench)


def test_once(chosen: Candidate, cards: dict[str, Scorecard], bench: RunContext) -> dict[str, Scorecard]:
    """Opens the test split, once, for the baseline and the chosen one; latency stays as it was measured."""
    baseline = bench.baseline.exported
    candidates = {"baseline": baseline}
    if chosen.digest != baseline.digest:
        candidates[chosen.name] = chosen
    timing = {each.digest: cards[each.digest].latency for each in candidates.values()}
    return _evaluate("test once", candidates, "test", timing, bench)


def _evaluate(
    label: str,
    candidates: dict[str, Candidate],
    split: SplitName,
    timing: dict[str, Latency] | None,
    bench: RunContext,
) -> dict[str, Scorecard]:
    recipe, baseline = bench.recipe, bench.baseline.exported.digest
    cards: dict[str, Scorecard] = bench.call(
        label,
        definitions.evaluate,
        candidates,
        baseline,
        bench.prepared,
        recipe.goal,
        recipe.runtime,
        split,
        timing,
        bench.host,
        bench.workspace,
    )
    return cards
