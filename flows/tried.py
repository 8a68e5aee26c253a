"""Tried: the search for branches as the report tells it: every trial, and what it all came to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from flows import joint
from flows.branches import Line
from flows.misses import describe, gains, ranked
from tasks import composition
from tasks.branch import Branch, title
from tasks.reporting import Searched, State, Tried

if TYPE_CHECKING:
    from flows.joint import Found
    from flows.pipeline import Findings
    from tasks.artifacts import Scorecard
    from tasks.tuning import Trial

STATES: tuple[State, ...] = ("finished", "stopped early", "given up", "failed")


def tell(findings: Findings) -> Searched | None:
    """The search for branches; None when there was none."""
    found = findings.searched
    if found is None:
        return None
    baseline = findings.cards[findings.lines[0].stages[0].exported.digest]
    best = best_of(found.tuned.trials)
    trials = (trial_row(trial, baseline, findings, trial is best) for trial in found.tuned.trials)
    return Searched(answer(found, findings), (*own_rows(findings), *trials))


def state_of(trial: Trial) -> State:
    """How a trial ended; with a file it is finished, even if the scheduler stopped it at its last report."""
    if joint.is_walked(trial):
        return "finished"
    return "given up" if "refusal" in (trial.answer or {}) else trial.state


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The trial whose file ranks best; None when none came to a file."""
    walked = [trial for trial in trials if joint.is_walked(trial)]
    return max(walked, key=lambda trial: (trial.answer or {})["rank"], default=None)


def words(branch: Branch) -> str:
    """A branch's steps in words."""
    return " → ".join(map(title, branch.steps))


def own(findings: Findings) -> dict[str, Branch]:
    """The recipe's own branches by name."""
    found = {branch.name for branch in findings.searched.branches} if findings.searched else set()
    compress = findings.recipe.compress
    return {branch.name: branch for branch in (compress.branches if compress else ()) if branch.name not in found}


def own_rows(findings: Findings) -> Iterator[Tried]:
    """The recipe's own branches that were measured, the best first."""
    branches = own(findings)
    for rank, line in ranked(findings):
        if line.name in branches and line.product:
            card = findings.cards[line.product.digest]
            measured = card.drop.estimate.value, card.latency.ratio.value, card.size.bytes, card.size_ratio
            yield Tried(line.name, words(branches[line.name]), "own", *measured, rank, None, None, "")


def trial_row(trial: Trial, baseline: Scorecard, findings: Findings, is_best: bool) -> Tried:
    """One trial."""
    answer = trial.answer or {}
    state, is_walked = state_of(trial), joint.is_walked(trial)
    # The last report of a trial that came to a file is that of the file; one that was given up trained nothing.
    epochs = 0 if state == "given up" else len(trial.curve) - is_walked
    measured = trial.measured
    size = measured.get("bytes")
    branch = composition.branch_of(trial.point, joint.name(trial), tuple(own(findings).values()))
    return Tried(
        name=joint.name(trial),
        branch=words(branch),
        state=state,
        drop=measured.get("drop"),
        speedup=measured.get("speedup"),
        bytes=None if size is None else round(size),
        size_ratio=baseline.size.bytes / size if size else None,
        rank=None if state == "given up" else trial.score,
        epochs=epochs,
        seconds=trial.seconds,
        reason=answer.get("refusal", trial.reason),
        best=is_best,
    )


def answer(found: Found, findings: Findings) -> str:
    """What the search came to, in a few sentences."""
    counts = count(found.tuned.trials)
    ended = f" It ended before its budget was spent: {found.tuned.broken}." if found.tuned.broken else ""
    if not found.tuned.trials:
        return f"The search ran no trial.{ended}"
    return f"{counts}.{ended} {result(found, findings)}"


def count(trials: Sequence[Trial]) -> str:
    """How many trials there were and how they ended."""
    states = [state_of(trial) for trial in trials]
    ends = ", ".join(f"{states.count(state)} {state}" for state in STATES if state in states)
    return f"{len(trials)} trial{'s' * (len(trials) > 1)}: {ends}"


def result(found: Found, findings: Findings) -> str:
    """Whether the search found something better than the recipe has, or how near it came."""
    names = {line.name for line in found.lines}
    new = [pair for pair in ranked(findings) if pair[1].name in names]
    old = [pair for pair in ranked(findings) if pair[1].name not in names]
    if not new:
        return nothing(found, findings)
    rank, best = new[0]
    if rank <= 0:
        misses = f"None of them meets the goal; the nearest miss is {describe(best, findings)}."
        return f"{misses} {no_better(old[0][1])}" if old and old[0][0] > 0 else misses
    if old and old[0][0] >= rank:
        return no_better(old[0][1])
    return better(best, old[0] if old else None, findings)


def no_better(line: Line) -> str:
    """That the recipe's own branch stays ahead."""
    return f"No trial found anything better than the recipe's own {line.name}."


def better(best: Line, other: tuple[float, Line] | None, findings: Findings) -> str:
    """What the best that was found gains, beside the best of the recipe."""

    def gained(line: Line) -> str:
        assert line.product is not None
        return gains(findings.cards[line.product.digest])

    said = f"The best that was found, {best.name}, meets the goal: {gained(best)}"
    if other is None:
        return f"{said}."
    own = f"the best of the recipe's own, {other[1].name}"
    return f"{said}; {own}: {gained(other[1])}{'' if other[0] > 0 else ', which misses the goal'}."


def nothing(found: Found, findings: Findings) -> str:
    """No trial came to a file: how far the one came that came nearest."""
    scored = [trial for trial in found.tuned.trials if trial.score is not None and state_of(trial) != "given up"]
    if not scored:
        return "None came to a file."
    near = max(scored, key=lambda trial: trial.score or 0.0)
    goal = findings.recipe.goal
    drop = near.measured.get("drop")
    lost = "" if drop is None else f", at a drop of {drop:.4f} {goal.metric} where {goal.max_drop:g} is allowed"
    return f"None came to a file; the nearest was {joint.name(near)}, {near.state}{lost}."
