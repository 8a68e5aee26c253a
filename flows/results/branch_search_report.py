"""Branch search report: the part of the report on the search for branches: all its trials, and its result as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from flows.pipeline import compression_search
from flows.pipeline.findings import BranchResult
from flows.results.near_misses import describe_miss, gains, ranked_candidates
from tasks.compression.branch import Branch, step_title
from tasks.compression.search_space import branch_space
from tasks.report.report_data import BranchSearchReport, TrialOutcome, TrialRow

if TYPE_CHECKING:
    from flows.pipeline.findings import Findings, FoundBranches
    from tasks.core import Scorecard
    from tasks.search.results import Trial

STATES: tuple[TrialOutcome, ...] = ("finished", "stopped early", "given up", "failed")
"""The order in which `count_states` counts."""


def report_branch_search(findings: Findings) -> BranchSearchReport | None:
    """The report on the search for branches; None when there was none."""
    found = findings.found
    if found is None:
        return None
    baseline = findings.cards[findings.results[0].stages[0].exported.digest]
    best = best_trial(found.tuned.trials)
    trials = (branch_row(trial, baseline, findings, trial is best) for trial in found.tuned.trials)
    return BranchSearchReport(search_answer(found, findings), (*own_rows(findings), *trials))


def state_of(trial: Trial) -> TrialOutcome:
    """How a trial ended. One with a file is finished, even if the scheduler stopped it at its last report."""
    if compression_search.has_file(trial):
        return "finished"
    return "given up" if "refusal" in (trial.answer or {}) else trial.state


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """The trial whose file has the best rank; None when no trial made a file."""
    walked = [trial for trial in trials if compression_search.has_file(trial)]
    return max(walked, key=lambda trial: (trial.answer or {})["rank"], default=None)


def describe_steps(branch: Branch) -> str:
    """The titles of a branch's steps, joined by arrows."""
    return " → ".join(map(step_title, branch.steps))


def own_branches(findings: Findings) -> dict[str, Branch]:
    """The recipe's own branches by name, without those that the search found."""
    found = {branch.name for branch in findings.found.branches} if findings.found else set()
    compress = findings.recipe.compress
    return {branch.name: branch for branch in (compress.branches if compress else ()) if branch.name not in found}


def own_rows(findings: Findings) -> Iterator[TrialRow]:
    """One row for each of the recipe's own branches that was measured, the best rank first."""
    branches = own_branches(findings)
    for rank, result in ranked_candidates(findings):
        if result.name in branches and result.product:
            card = findings.cards[result.product.digest]
            measured = card.drop.estimate.value, card.latency.ratio.value, card.size.bytes, card.size_ratio
            yield TrialRow(result.name, describe_steps(branches[result.name]), "own", *measured, rank, None, None, "")


def branch_row(trial: Trial, baseline: Scorecard, findings: Findings, is_best: bool) -> TrialRow:
    """The row of one trial.

    Args:
        baseline: the baseline's validation scorecard.
        is_best: whether its file has the best rank of all trials.
    """
    answer = trial.answer or {}
    state = state_of(trial)
    # The last report of a trial with an answer is no epoch but the file's rank, or that it was refused or given up.
    epochs = len(trial.curve) - bool(answer)
    measured = trial.measured
    size = measured.get("bytes")
    branch = branch_space.decode(
        trial.point, compression_search.found_name(trial), tuple(own_branches(findings).values())
    )
    return TrialRow(
        name=compression_search.found_name(trial),
        branch=describe_steps(branch),
        state=state,
        drop=measured.get("drop"),
        speedup=measured.get("speedup"),
        bytes=None if size is None else round(size),
        size_ratio=baseline.size.bytes / size if size else None,
        rank=trial.reached,
        epochs=epochs,
        seconds=trial.seconds,
        reason=answer.get("refusal", trial.reason),
        best=is_best,
    )


def search_answer(found: FoundBranches, findings: Findings) -> str:
    """The result of the search as text: the numbers of trials, why it ended early if it did, and what it found."""
    counts = count_states(found.tuned.trials)
    ended = f" It ended before its budget was spent: {found.tuned.broken}." if found.tuned.broken else ""
    if not found.tuned.trials:
        return f"The search ran no trial.{ended}"
    return f"{counts}.{ended} {result_text(found, findings)}"


def count_states(trials: Sequence[Trial]) -> str:
    """The number of trials and how many ended in which way, as text."""
    states = [state_of(trial) for trial in trials]
    ends = ", ".join(f"{states.count(state)} {state}" for state in STATES if state in states)
    return f"{len(trials)} trial{'s' * (len(trials) > 1)}: {ends}"


def result_text(found: FoundBranches, findings: Findings) -> str:
    """Whether the search found a branch with a better rank than the recipe's own, as text.

    When nothing it found meets the goal, the nearest miss.
    """
    names = {result.name for result in found.results}
    new = [pair for pair in ranked_candidates(findings) if pair[1].name in names]
    old = [pair for pair in ranked_candidates(findings) if pair[1].name not in names]
    if not new:
        return nothing_text(found, findings)
    rank, best = new[0]
    if rank <= 0:
        misses = f"None of them meets the goal; the nearest miss is {describe_miss(best, findings)}."
        return f"{misses} {not_better_text(old[0][1])}" if old and old[0][0] > 0 else misses
    if old and old[0][0] >= rank:
        return not_better_text(old[0][1])
    return better_text(best, old[0] if old else None, findings)


def not_better_text(result: BranchResult) -> str:
    """The sentence that no trial has a better rank than the recipe's own branch `result`."""
    return f"No trial found anything better than the recipe's own {result.name}."


def better_text(best: BranchResult, other: tuple[float, BranchResult] | None, findings: Findings) -> str:
    """The gains of the best branch found and of the recipe's best branch, as text.

    Args:
        best: the best branch found; it meets the goal.
        other: rank and result of the recipe's best branch; None when none was measured.
    """

    def gained(result: BranchResult) -> str:
        assert result.product is not None
        return gains(findings.cards[result.product.digest])

    said = f"The best that was found, {best.name}, meets the goal: {gained(best)}"
    if other is None:
        return f"{said}."
    own = f"the best of the recipe's own, {other[1].name}"
    return f"{said}; {own}: {gained(other[1])}{'' if other[0] > 0 else ', which misses the goal'}."


def nothing_text(found: FoundBranches, findings: Findings) -> str:
    """The sentence for a search in which no trial made a file: names the trial with the best score, if any has one."""
    scored = [trial for trial in found.tuned.trials if trial.reached is not None]
    if not scored:
        return "None came to a file."
    near = max(scored, key=lambda trial: trial.reached or 0.0)
    goal = findings.recipe.goal
    drop = near.measured.get("drop")
    lost = (
        "" if drop is None else f", at a drop of {drop:.4f} {findings.metric.title} where {goal.max_drop:g} is allowed"
    )
    return f"None came to a file; the nearest was {compression_search.found_name(near)}, {near.state}{lost}."
