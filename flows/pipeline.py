"""The main job as one composition of steps: data → train or load → tune → compress → evaluate → select → test once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from flows import joint, searching
from flows.branches import Bench, Line, Stage, controls, export, walk
from flows.checks import check, check_file
from flows.defaults import branches_of
from flows.execution import Call
from flows.joint import Found
from flows.recipe import Recipe, own_point, settle
from flows.tradeoffs import best_of
from flows.trials import TrainingTrial
from flows.weighing import is_timed
from tasks import importing, ingestion, steps
from tasks.artifacts import (
    Candidate,
    Latency,
    Prepared,
    Scorecard,
    SplitName,
    Workspace,
    digest_file,
)
from tasks.branch import CONTROL, Branch, Compress
from tasks.composition import usable
from tasks.kernels.host import host_name
from tasks.selection import Choice, select
from tasks.tuning import Tuned


@dataclass(frozen=True)
class Findings:
    """Everything that one run worked out."""

    recipe: Recipe
    """With the best point of the search in it, in place of the search."""
    prepared: Prepared
    tuned: Tuned | None
    lines: tuple[Line, ...]
    """The baseline first, then the branches, then the dense controls."""
    cards: dict[str, Scorecard]
    """Validation scorecards of every stage, by the digest of its ONNX candidate."""
    choice: Choice
    product: Candidate
    test: dict[str, Scorecard]
    """The baseline and the chosen one on the test split."""
    meets_goal: bool
    """On validation, and not refuted on test."""
    host: str
    searched: Found | None = None
    """The search for branches, if the recipe asks for one."""


def work(recipe: Recipe, workspace: Workspace, call: Call) -> Findings:
    """The whole job; `call` decides how a step is called (by Prefect, or as the plain function that it is).

    Raises:
        InputError: the data, the model or a knob is wrong; nothing was trained yet.
    """
    check_file(recipe)
    prepared = prepare(recipe, workspace, call)
    check(recipe, prepared, workspace.store)
    recipe, tuned = tune(recipe, prepared, workspace, call)
    bench = start(recipe, prepared, workspace, call)
    lines, cards, searched = pare(bench)
    baseline = bench.baseline.exported
    selectable = {line.product.digest: line.product for line in lines if line.product and line.role != "control"}
    choice = select({digest: cards[digest] for digest in selectable}, baseline.digest, recipe.goal)
    chosen = selectable[choice.chosen]
    test = confirm(chosen, cards, bench)
    held = choice.meets_goal and test[chosen.digest].drop.verdict != "beyond"
    product = chosen if held else baseline
    recipe = with_found(recipe, searched) if searched else recipe
    return Findings(recipe, prepared, tuned, lines, cards, choice, product, test, held, bench.host, searched)


def with_found(recipe: Recipe, found: Found) -> Recipe:
    """The recipe with the branches that were found among its own, and no search for them."""
    branches = (*branches_of(recipe).branches, *found.branches)
    return recipe.model_copy(update={"compress": Compress(branches=branches)})


def pare(bench: Bench) -> tuple[tuple[Line, ...], dict[str, Scorecard], Found | None]:
    """The branches of the recipe with their controls, and those that its search finds, all measured."""
    compress = branches_of(bench.recipe)
    lines = (
        Line("baseline", "baseline", (bench.baseline,)),
        *(walk(branch, "candidate", bench) for branch in compress.branches),
        *(walk(branch, "control", bench) for branch in controls(compress.branches)),
    )
    cards = measure("evaluate on validation", lines, bench)
    if compress.search is None:
        return lines, cards, None
    found = joint.search(compress.search, lines, cards, bench)
    more = (*found.lines, *(walk(branch, "control", bench) for branch in more_controls(found, compress)))
    if more:
        cards = measure("evaluate what was found", (lines[0], *more), bench) | cards
    return (*lines, *more), cards, found


def more_controls(found: Found, compress: Compress) -> list[Branch]:
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


def prepare(recipe: Recipe, workspace: Workspace, call: Call) -> Prepared:
    """The data, read and preprocessed."""
    stamp = ingestion.source_stamp(recipe.data)
    dataset = call(f"ingest {recipe.data.source}", steps.ingest, recipe.data, stamp, workspace)
    prepared: Prepared = call("preprocess", steps.preprocess, dataset, recipe.preprocess, workspace)
    return prepared


def tune(recipe: Recipe, prepared: Prepared, workspace: Workspace, call: Call) -> tuple[Recipe, Tuned | None]:
    """The recipe with the best point in place of its search; untouched when there is nothing to search or to train."""
    search = recipe.search
    if search is None or recipe.model.is_trained:
        return recipe, None
    own = own_point(recipe, search)
    trial = TrainingTrial(
        recipe.model_copy(update={"compress": None}), prepared, workspace.store.get_json(prepared.fitted)
    )
    epochs = min(search.epochs or recipe.train.epochs, recipe.train.epochs)
    host = host_name() if is_timed(recipe) else ""
    tuned = searching.search(trial, search, epochs, recipe.name, host, workspace, call, own)
    tuned = dataclasses.replace(tuned, best=best_of(tuned.trials, tuned.cost, recipe.goal.max_drop))
    return settle(recipe, tuned.best), tuned


def start(recipe: Recipe, prepared: Prepared, workspace: Workspace, call: Call) -> Bench:
    """The baseline, trained or adopted, and everything else that branches need."""
    model = first(recipe, prepared, workspace, call)
    bench = Bench(recipe, prepared, Stage("baseline", model, model), host_name(), workspace, call)
    exported = export(model, "baseline", bench)
    return dataclasses.replace(bench, baseline=Stage("baseline", model, exported))


def first(recipe: Recipe, prepared: Prepared, workspace: Workspace, call: Call) -> Candidate:
    """The baseline: an ONNX file, trained weights, or what the training makes."""
    model = recipe.model
    found: Candidate
    if model.file is not None:
        asked = bool(recipe.preprocess)
        stamp = importing.stamp(model.file)
        found = call("load the baseline", steps.bring, prepared, model.file, asked, recipe.export, stamp, workspace)
    elif model.weights is not None:
        stamp = digest_file(Path(model.weights))
        found = call("load the baseline", steps.adopt, prepared, model, stamp, workspace)
    else:
        knobs = (prepared, model, recipe.augment, recipe.train, recipe.goal.metric)
        found = call("train the baseline", steps.fit, *knobs, workspace)
    return found


def measure(label: str, lines: tuple[Line, ...], bench: Bench) -> dict[str, Scorecard]:
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


def confirm(chosen: Candidate, cards: dict[str, Scorecard], bench: Bench) -> dict[str, Scorecard]:
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
    bench: Bench,
) -> dict[str, Scorecard]:
    recipe, baseline = bench.recipe, bench.baseline.exported.digest
    cards: dict[str, Scorecard] = bench.call(
        label,
        steps.evaluate,
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
