"""Compression search: tries branches beyond the recipe's own within a budget; the best ones become candidates."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from statistics import median
from typing import Any

from flows.pipeline import search_step
from flows.pipeline.branches import apply_step, export_stage, run_branch
from flows.pipeline.findings import BranchResult, FoundBranches, Stage
from flows.pipeline.run_context import RunContext
from flows.recipe.default_branches import branches_of
from flows.recipe.schema import Recipe
from flows.trials.branch_guide import BranchGuide
from flows.trials.branch_scoring import Reference
from flows.trials.compression_trial import CompressionObjective
from tasks import techniques
from tasks.compression.branch import FOUND, Branch, CompressionSearch
from tasks.compression.search_space import branch_space
from tasks.compression.search_space.branch_starts import start_steps
from tasks.compression.search_space.initial_points import initial_points
from tasks.core import Candidate, Goal, Refusal, Scorecard, Store, digest_of
from tasks.core.candidate import candidate_from
from tasks.evaluation import ranking
from tasks.search.guide import RUNG, without_rung
from tasks.search.results import CEILING, KnownTrial, SearchResult, SearchStart, Trial
from tasks.search.space import Space
from tasks.techniques import Technique


def search_branches(
    asked: CompressionSearch, results: Sequence[BranchResult], cards: dict[str, Scorecard], run: RunContext
) -> FoundBranches:
    """Runs the search and returns its best branches.

    It learns from the measurements of the recipe's own branches. A trial that was stopped early with a better score
    than every finished one is run to its end afterwards. When every technique refuses the baseline, no trial runs and
    the result says why.

    Args:
        asked: the search's settings in the recipe.
        results: the results of the recipe's own branches.
        cards: validation scorecards by candidate digest, of the baseline and of the last stages of `results`.
        run: what the branches of the run have in common.
    """
    own = branches_of(run.recipe).branches
    branches = tuple(freeze_choices(branch, results, run.job.store) for branch in own)
    try:
        without, steps = ((), {}) if asked.space else try_techniques(run)
        form, minimize = run.baseline.model.form, run.recipe.goal.minimize
        starts = {} if asked.space else start_stages(branches, results)
        space = branch_space.space_of(asked, branches, form, minimize, without, steps, tuple(starts))
    except Refusal as refusal:
        return FoundBranches(SearchResult({}, (), broken=str(refusal)), (), ())
    score = cards[run.baseline.exported.digest].score.value
    ranks = ranks_of(results, cards, score, run.recipe.goal)
    longest = branch_space.longest(space, branches)
    reference = Reference(
        with_branches(branches, run),
        run.prepared,
        run.baseline.model,
        run.baseline.exported,
        score,
        bar=max([0.0, *ranks.values()]),
        longest=longest,
        starts=starts,
        margin=proof_margin(branch_cards(results, cards), run.recipe.goal),
    )
    objective = CompressionObjective(reference)
    missing = best_own_branch(branches, {name: rank for name, rank in ranks.items() if rank <= 0})
    first = initial_points(space, best_own_branch(branches, ranks), missing)
    known = known_points(branches, ranks, space)
    start = SearchStart(tuple(first), tuple(known), BranchGuide(space) if RUNG in space else None)
    spec = asked.model_copy(update={"space": space})
    tuned = search_step.run_search(objective, spec, longest + 1, run.host, run.job, start=start)
    return collect_best(tuned, objective.reference.bar, asked.keep, branches, run)


def ranks_of(
    results: Sequence[BranchResult], cards: dict[str, Scorecard], score: float, goal: Goal
) -> dict[str, float]:
    """Branch name → rank (`ranking.rank`), for branches that were not refused; `score` is the baseline's."""
    cards = branch_cards(results, cards)
    return {name: ranking.rank(ranking.position_of(card, goal), goal, score) for name, card in cards.items()}


def branch_cards(results: Sequence[BranchResult], cards: dict[str, Scorecard]) -> dict[str, Scorecard]:
    """Branch name → scorecard of its file, for branches that were not refused."""
    made = [result for result in results if result.product and result.role == "candidate"]
    return {result.name: cards[result.product.digest] for result in made if result.product}


def best_own_branch(branches: Sequence[Branch], ranks: dict[str, float]) -> Branch | None:
    """The recipe's own branch with the best rank; None when all were refused."""
    return max((each for each in branches if each.name in ranks), key=lambda each: ranks[each.name], default=None)


def start_stages(
    branches: Sequence[Branch], results: Sequence[BranchResult]
) -> dict[str, tuple[tuple[str, Candidate], ...]]:
    """`Reference.starts` of the branches that came to a file."""
    stages = {result.name: result.stages[1:] for result in results if result.product and result.role == "candidate"}
    lengths = {each.name: len(start_steps(each)) for each in branches if each.name in stages}
    return {
        name: tuple((stage.label, stage.model) for stage in stages[name][:length])
        for name, length in lengths.items()
        if length
    }


def with_branches(branches: tuple[Branch, ...], run: RunContext) -> Recipe:
    """The run's recipe with these branches in the place of its own."""
    compress = branches_of(run.recipe).model_copy(update={"branches": branches})
    return run.recipe.model_copy(update={"compress": compress})


def proof_margin(products: Mapping[str, Scorecard], goal: Goal) -> float:
    """What the goal's proof adds to a drop on these data: the median over the recipe's own branches; 0 without any."""
    drops = [card.drop.estimate for card in products.values()]
    return median(goal.judged(drop) - drop.value for drop in drops) if drops else 0.0


def known_points(branches: Sequence[Branch], ranks: dict[str, float], space: Space) -> Iterator[KnownTrial]:
    """Those of the recipe's own branches that have a rank and are points of the space, with their ranks.

    One that meets the goal has the rank that it would have without any loss.
    """
    for branch in (each for each in branches if each.name in ranks):
        rank = ranks[branch.name]
        for encode in (branch_space.encode, branch_space.encode_at_start):
            point = encode(branch, space, branches)
            if point is not None:
                yield KnownTrial(point, rank, {CEILING: rank} if rank > 0 else {})


def collect_best(
    tuned: SearchResult, bar: float, keep: int, branches: Sequence[Branch], run: RunContext
) -> FoundBranches:
    """The result of a search: its `keep` best branches, after the `unfinished_leader` if there is one.

    Args:
        tuned: the outcome of the search.
        bar: the best rank of the recipe's own branches, at least 0.
        keep: most finished branches in the result.
        branches: the recipe's own, from which points are decoded.
        run: what the branches of the run have in common.
    """
    best = best_of_chains(tuned.trials)[:keep]
    found = [(trial, result_of(trial, run)) for trial in best]
    ahead = unfinished_leader(tuned.trials, max([bar, *map(rank_of, best)]))
    if ahead is not None:
        found = [
            (ahead, run_branch(branch_space.decode(ahead.point, found_name(ahead), branches), "candidate", run)),
            *found,
        ]
    return FoundBranches(
        tuned,
        tuple(branch_space.decode(trial.point, found_name(trial), branches) for trial, _ in found),
        tuple(result for _, result in found),
    )


def best_of_chains(trials: Sequence[Trial]) -> list[Trial]:
    """The trials with a file, the best rank first; of several rungs of one branch only the best."""
    chains: dict[str, Trial] = {}
    for trial in sorted(filter(has_file, trials), key=rank_of, reverse=True):
        chains.setdefault(digest_of(without_rung(trial.point)), trial)
    return list(chains.values())


def freeze_choices(branch: Branch, results: Sequence[BranchResult], store: Store) -> Branch:
    """A branch of the recipe whose knobs are fixed to the variants that its steps chose when they ran (`settled`)."""
    result = next(result for result in results if result.name == branch.name)
    made = [stage.model.lineage[-1].plan for stage in result.stages[1:]]
    plans = [store.get_json(plan) if plan else None for plan in made]
    # A branch that was refused on its way has fewer stages than steps.
    pairs = zip_longest(branch.steps, plans)
    steps = [step.settled(plan) if plan and isinstance(step, Technique) else step for step, plan in pairs]
    return branch.model_copy(update={"steps": tuple(steps)})


def rank_of(trial: Trial) -> float:
    """The rank of the file that a trial made; only for trials with a file (`has_file`)."""
    return float((trial.answer or {})["rank"])


def unfinished_leader(trials: Sequence[Trial], bar: float) -> Trial | None:
    """The trial with the best score above `bar` among those without a file; None when there is none.

    The scheduler or the end of the search's time stopped it, and its branch is worth running to its end. A trial that
    was given up does not count: its score is only a bound, from what it would save if it lost nothing.
    """
    ahead = [trial for trial in trials if trial.answer is None and trial.score is not None and trial.score > bar]
    return max(ahead, key=lambda trial: trial.score or 0.0, default=None)


def found_name(trial: Trial) -> str:
    """The name of the branch of a trial, such as `found 1`."""
    return f"{FOUND} {trial.number + 1}"


def has_file(trial: Trial) -> bool:
    """Whether a trial made a file: its branch was run to the end and ranked."""
    return bool(trial.answer and "rank" in trial.answer)


def try_techniques(run: RunContext) -> tuple[tuple[str, ...], dict[str, float]]:
    """Applies each technique that a search may use to the baseline, with its default knobs.

    Returns:
        Tags of the techniques that refuse the baseline, so that no trial is lost on them; and for the others path → the
        smallest change of a knob that matters for this baseline (`Technique.finest`).
    """
    refusing: list[str] = []
    steps: dict[str, float] = {}
    for tag in branch_space.usable(run.baseline.model.form, run.recipe.goal.minimize):
        technique = techniques.technique_of({"step": tag})
        try:
            made = apply_step(technique, run.baseline, f"try {tag}", run).lineage[-1]
        except Refusal:
            refusing.append(tag)
            continue
        if made.plan:
            finest = technique.finest(run.job.store.get_json(made.plan))
            steps |= {f"{tag}.{knob}": step for knob, step in finest.items()}
    return tuple(refusing), steps


def result_of(trial: Trial, run: RunContext) -> BranchResult:
    """The branch result of a trial with a file. Each of its stages is exported, so that it can be measured."""
    answer: dict[str, Any] = trial.answer or {}
    stages = [run.baseline]
    for label, fields in answer["stages"]:
        model = candidate_from(fields)
        exported = export_stage(model, f"{found_name(trial)}: {label}", run.prepared, run.job)
        stages.append(Stage(label, model, dataclasses.replace(exported, name=found_name(trial))))
    return BranchResult(found_name(trial), "candidate", tuple(stages))
