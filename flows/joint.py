"""The joint search: branches beyond those of the recipe, found within a budget; the best join the candidates."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from flows import searching
from flows.branches import Bench, Line, Stage, act, export, walk
from flows.defaults import branches_of
from flows.paring import ParingTrial
from tasks import composition, ranking, techniques
from tasks.artifacts import Goal, Refusal, Scorecard, Store
from tasks.artifacts.candidate import read
from tasks.beginnings import beginnings
from tasks.branch import FOUND, Branch, CompressionSearch
from tasks.spaces import Space
from tasks.techniques import Technique
from tasks.tuning import Known, Trial, Tuned


@dataclass(frozen=True)
class Found:
    """What a search brought."""

    tuned: Tuned
    branches: tuple[Branch, ...]
    """The best, the very best first; the recipe with them gives the same files without a search."""
    lines: tuple[Line, ...]
    """The same, walked."""


def search(asked: CompressionSearch, lines: Sequence[Line], cards: dict[str, Scorecard], bench: Bench) -> Found:
    """Spends the search's budget, knowing how the recipe's own branches (`lines`, measured in `cards`) did.

    A branch that was ahead of all others when it was stopped is walked to its end afterwards.
    """
    own = branches_of(bench.recipe).branches
    branches = tuple(settled(branch, lines, bench.workspace.store) for branch in own)
    try:
        without = () if asked.space else tuple(refused(bench))
        space = composition.space_of(asked, branches, bench.baseline.model.form, bench.recipe.goal.minimize, without)
    except Refusal as refusal:
        return Found(Tuned({}, (), broken=str(refusal)), (), ())
    score = cards[bench.baseline.exported.digest].score.value
    ranks = ranks_of(lines, cards, score, bench.recipe.goal)
    longest = composition.longest(space, branches)
    trial = trial_of(branches, score, max([0.0, *ranks.values()]), longest, bench)
    tuned = searching.search(
        trial,
        asked.model_copy(update={"space": space}),
        longest + 1,
        bench.recipe.name,
        bench.host,
        bench.workspace,
        bench.call,
        first=beginnings(space, best_of(branches, ranks)),
        known=list(known(branches, ranks, space)),
    )
    return gathered(tuned, trial.bar, asked.keep, branches, bench)


def ranks_of(lines: Sequence[Line], cards: dict[str, Scorecard], score: float, goal: Goal) -> dict[str, float]:
    """The rank of each of the recipe's branches that came to a file; `score` is the baseline's."""
    products = {line.name: cards[line.product.digest] for line in lines if line.product and line.role == "candidate"}
    return {name: ranking.rank(ranking.standing(card, goal), goal, score) for name, card in products.items()}


def best_of(branches: Sequence[Branch], ranks: dict[str, float]) -> Branch | None:
    """The recipe's own branch with the best rank; None when none came to a file."""
    return max((each for each in branches if each.name in ranks), key=lambda each: ranks[each.name], default=None)


def trial_of(branches: tuple[Branch, ...], score: float, bar: float, longest: int, bench: Bench) -> ParingTrial:
    """What the search runs for a point."""
    compress = branches_of(bench.recipe).model_copy(update={"branches": branches})
    recipe = bench.recipe.model_copy(update={"compress": compress})
    return ParingTrial(recipe, bench.prepared, bench.baseline.model, bench.baseline.exported, score, bar, longest)


def known(branches: Sequence[Branch], ranks: dict[str, float], space: Space) -> Iterator[Known]:
    """The recipe's own branches that are points of the space."""
    for branch in branches:
        point = composition.point_of(branch, space, branches)
        if branch.name in ranks and point is not None:
            yield Known(point, ranks[branch.name])


def gathered(tuned: Tuned, bar: float, keep: int, branches: Sequence[Branch], bench: Bench) -> Found:
    """What a search brought: its best files, and the branch that was ahead of them when the search ended."""
    best = sorted(filter(is_walked, tuned.trials), key=rank_of, reverse=True)[:keep]
    found = [(trial, line_of(trial, bench)) for trial in best]
    ahead = promising(tuned.trials, max([bar, *map(rank_of, best)]))
    if ahead is not None:
        found = [(ahead, walk(composition.branch_of(ahead.point, name(ahead), branches), "candidate", bench)), *found]
    return Found(
        tuned,
        tuple(composition.branch_of(trial.point, name(trial), branches) for trial, _ in found),
        tuple(line for _, line in found),
    )


def settled(branch: Branch, lines: Sequence[Line], store: Store) -> Branch:
    """A branch of the recipe with the choices between variants that were made as it was walked."""
    line = next(line for line in lines if line.name == branch.name)
    made = [stage.model.lineage[-1].plan for stage in line.stages[1:]]
    plans = [store.get_json(plan) if plan else None for plan in made]
    # A branch that was refused on its way has fewer stages than steps.
    pairs = zip_longest(branch.steps, plans)
    steps = [step.settled(plan) if plan and isinstance(step, Technique) else step for step, plan in pairs]
    return branch.model_copy(update={"steps": tuple(steps)})


def rank_of(trial: Trial) -> float:
    """The rank of the file that a trial came to."""
    return float((trial.answer or {})["rank"])


def promising(trials: Sequence[Trial], bar: float) -> Trial | None:
    """The best of the trials that the end of the time, or the scheduler, stopped ahead of the bar: it is worth its end.

    One that was given up is none: its score is what it would have saved if it lost nothing.
    """
    ahead = [trial for trial in trials if trial.answer is None and trial.score is not None and trial.score > bar]
    return max(ahead, key=lambda trial: trial.score or 0.0, default=None)


def name(trial: Trial) -> str:
    """What a branch that was found is called."""
    return f"{FOUND} {trial.number + 1}"


def is_walked(trial: Trial) -> bool:
    """Whether a trial came to a file."""
    return bool(trial.answer and "rank" in trial.answer)


def refused(bench: Bench) -> Iterator[str]:
    """Tags of the techniques that refuse the baseline itself; each is asked, so that no trial is lost on it."""
    for tag in composition.usable(bench.baseline.model.form, bench.recipe.goal.minimize):
        try:
            act(techniques.technique_of({"step": tag}), bench.baseline, f"try {tag}", bench)
        except Refusal:
            yield tag


def line_of(trial: Trial, bench: Bench) -> Line:
    """A trial's branch as a row of the final table; each of its stages is exported, so that it can be measured."""
    answer: dict[str, Any] = trial.answer or {}
    stages = [bench.baseline]
    for label, fields in answer["stages"]:
        model = read(fields)
        exported = export(model, f"{name(trial)}: {label}", bench)
        stages.append(Stage(label, model, dataclasses.replace(exported, name=name(trial))))
    return Line(name(trial), "candidate", tuple(stages))
