"""The joint search: branches beyond those of the recipe, found within a budget; the best join the candidates."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flows import searching
from flows.branches import Bench, Line, Stage, act, export, walk
from flows.defaults import branches_of
from flows.paring import ParingTrial
from tasks import composition, ranking, techniques
from tasks.artifacts import Refusal, Scorecard
from tasks.artifacts.candidate import read
from tasks.branch import FOUND, Branch, CompressionSearch
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
    compress = branches_of(bench.recipe)
    branches = compress.branches
    model, goal = bench.baseline.model, bench.recipe.goal
    try:
        without = () if asked.space else tuple(refused(bench))
        space = composition.space_of(asked, branches, model.form, goal.minimize, without)
    except Refusal as refusal:
        return Found(Tuned({}, (), broken=str(refusal)), (), ())
    score = cards[bench.baseline.exported.digest].score.value
    products = {line.name: cards[line.product.digest] for line in lines if line.product and line.role == "candidate"}
    ranks = {name: ranking.rank(ranking.standing(card, goal), goal, score) for name, card in products.items()}
    points = {branch.name: composition.point_of(branch, space) for branch in branches if branch.name in ranks}
    trial = ParingTrial(
        bench.recipe.model_copy(update={"compress": compress}),
        bench.prepared,
        model,
        bench.baseline.exported,
        score,
        max([0.0, *ranks.values()]),
    )
    tuned = searching.search(
        trial,
        asked.model_copy(update={"space": space}),
        composition.longest(space, branches) + 1,
        bench.recipe.name,
        bench.host,
        bench.workspace,
        bench.call,
        known=[Known(point, ranks[name]) for name, point in points.items() if point is not None],
    )
    best = sorted(filter(is_walked, tuned.trials), key=rank_of, reverse=True)[: asked.keep]
    found = [(trial, line_of(trial, bench)) for trial in best]
    ahead = promising(tuned.trials, max([trial.bar, *map(rank_of, best)]))
    if ahead is not None:
        found = [(ahead, walk(composition.branch_of(ahead.point, name(ahead), branches), "candidate", bench)), *found]
    return Found(
        tuned,
        tuple(composition.branch_of(trial.point, name(trial), branches) for trial, _ in found),
        tuple(line for _, line in found),
    )


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
