"""The search for branches as it is told: every trial in words, and what it all came to."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from support import datasets, report_data, runs

from flows.pipeline.findings import BranchResult, Findings, FoundBranches, Stage
from flows.results import answer_text, branch_search_report, near_misses
from tasks.compression.branch import Branch, Compress
from tasks.core import Candidate, Scorecard
from tasks.evaluation.selection import select
from tasks.search.results import SearchResult, Trial

CUT, REPAIR = runs.CUT, runs.REPAIR
POINT = {"reduce": "channels", "finish": "int8", "channels.sparsity": 0.25, "recover.epochs": 2}
WORDS = "channels sparsity 0.25 → recover epochs 2 → int8"
LOW: Any = {"drop": 0.002, "speedup": 2.5, "bytes": 110_233.6}


def line(name: str, role: Any = "candidate") -> BranchResult:
    made = Candidate(name, "onnx", "", {"name": name}, (), "0" * 64)
    return BranchResult(name, role, (Stage(name, made, made),))


def card_of(row: BranchResult, card: Scorecard) -> Scorecard:
    assert row.product
    return dataclasses.replace(card, candidate=row.product.digest, name=row.name)


def trial(number: int, **changes: Any) -> Trial:
    """One that came to a file after two epochs, unless `changes` say more."""
    curve = ((1, 0.4), (2, 0.65), (3, 0.6))
    done = Trial(number, POINT, 0.6, curve, "finished", 61.5, LOW, {"stages": [], "rank": 0.6})
    return dataclasses.replace(done, **changes)


def findings(trials: tuple[Trial, ...], **found: Scorecard) -> Findings:
    """A recipe with the branch `narrow` (2.00 times as fast, drop 0.004) and what a search found beside it."""
    own: dict[str, Any] = {"narrow": report_data.card("narrow", 0.9202, 0.004, 1.42, 300_000)}
    own = found.pop("own", own)
    names = [name.replace("_", " ") for name in found]
    rows = [line("baseline", "baseline"), *(line(name) for name in (*own, *names))]
    measured = [report_data.BASELINE, *own.values(), *found.values()]
    cards = {row.product.digest: card_of(row, card) for row, card in zip(rows, measured, strict=True) if row.product}
    recipe = runs.tiny_recipe(goal={"max_drop": 0.01})
    branches = [Branch.model_validate({"name": name, "steps": [CUT, REPAIR]}) for name in (*own, *names)]
    new = tuple(branch for branch in branches if branch.name in names)
    recipe = recipe.model_copy(update={"compress": Compress(branches=tuple(branches))})
    choice = select(cards, next(iter(cards)), recipe.goal)
    searched = FoundBranches(SearchResult(trials[0].point if trials else {}, trials), new, tuple(rows[len(own) + 1 :]))
    nothing: Any = None
    prepared = datasets.unread_pictures()
    outcome = (choice, nothing, {}, choice.meets_goal, "host", searched)
    return Findings(recipe, prepared, None, tuple(rows), cards, *outcome)


FAST = report_data.card("found 1", 0.9192, 0.005, 0.71, 100_000)
SLOW = report_data.card("found 1", 0.9232, 0.001, 2.03, 100_000)
BAD = report_data.card("found 1", 0.8942, 0.03, 0.71, 100_000)


def test_no_search_is_not_told_of() -> None:
    assert branch_search_report.report_branch_search(dataclasses.replace(findings(()), found=None)) is None


def test_every_trial_is_told_after_the_recipe_s_own_branches() -> None:
    refusal = "given up before its recovery: 1.02× as fast"
    trials = (
        trial(0),
        trial(1, curve=((1, -0.02),), score=-0.02, state="stopped early", measured={"drop": 0.03}, answer=None),
        trial(2, curve=((0, -0.1),), score=-0.1, measured={"bound": 0.4}, answer={"refusal": refusal}),
        trial(3, curve=(), score=None, measured={}, answer=None, state="failed", reason="RuntimeError: no memory"),
        trial(
            4,
            curve=((0, -1e6),),
            score=-1e6,
            measured={"bound": -1e6, "excess": 1.0, "refused": 0},
            answer={"refused": 0},
            state="failed",
            reason="low_rank: no layer gets faster",
        ),
    )
    found = branch_search_report.report_branch_search(findings(trials, found_1=FAST))
    assert found is not None
    own, best, early, given_up, failed, refused = found.tried
    assert (own.name, own.branch, own.state) == ("narrow", "channels sparsity 0.5 → recover epochs 1", "own")
    assert (own.drop, own.speedup, own.bytes, own.rank) == (0.004, 2.0, 300_000, 0.5)
    assert (best.name, best.branch, best.state, best.best) == ("found 1", WORDS, "finished", True)
    assert (best.drop, best.speedup, best.bytes, best.rank) == (0.002, 2.5, 110_234, 0.6)
    assert best.size_ratio == 1_102_336 / 110_233.6
    assert (best.epochs, best.seconds) == (2, 61.5), "the last report was that of the file"
    assert (early.name, early.state, early.drop, early.speedup, early.rank) == (
        "found 2",
        "stopped early",
        0.03,
        None,
        -0.02,
    )
    assert (given_up.state, given_up.reason, given_up.rank, given_up.epochs) == ("given up", refusal, None, 0)
    assert (failed.state, failed.reason, failed.rank) == ("failed", "RuntimeError: no memory", None)
    assert (refused.state, refused.reason, refused.rank, refused.epochs) == (
        "failed",
        "low_rank: no layer gets faster",
        None,
        0,
    )
    assert not any(each.best for each in (own, early, given_up, failed, refused))
    assert found.answer.startswith("5 trials: 1 finished, 1 stopped early, 1 given up, 2 failed. ")
    assert json.dumps([dataclasses.asdict(each) for each in found.tried])


def answer(trials: tuple[Trial, ...], **found: Any) -> str:
    told = branch_search_report.report_branch_search(findings(trials, **found))
    assert told is not None
    return told.answer


def test_something_better_stands_beside_the_recipe_s_best() -> None:
    assert answer((trial(0),), found_1=FAST) == (
        "1 trial: 1 finished. The best that was found, found 1, meets the goal: 4.00× as fast, 11.02× smaller; "
        "the best of the recipe's own, narrow: 2.00× as fast, 3.67× smaller."
    )
    assert "the best of the recipe's own, bad: 4.00× as fast, 11.02× smaller, which misses the goal." in answer(
        (trial(0),), found_1=FAST, own={"bad": BAD}
    )
    alone = answer((trial(0),), found_1=FAST, own={})
    assert alone.endswith("meets the goal: 4.00× as fast, 11.02× smaller.")


def test_nothing_better_is_said_in_one_sentence() -> None:
    assert answer((trial(0),), found_1=SLOW) == (
        "1 trial: 1 finished. No trial found anything better than the recipe's own narrow."
    )


def test_a_search_without_anything_feasible_names_its_nearest_miss() -> None:
    miss = "found 1 (4.00× as fast, 11.02× smaller): accuracy gets worse by 0.03, beyond 0.01"
    assert answer((trial(0),), found_1=BAD) == (
        f"1 trial: 1 finished. None of them meets the goal; the nearest miss is {miss}. "
        "No trial found anything better than the recipe's own narrow."
    )
    worse = report_data.card("found 2", 0.8842, 0.04, 0.3, 100_000)
    found = findings((trial(0), trial(1)), found_2=worse, found_1=BAD, own={})
    searched = branch_search_report.report_branch_search(found)
    assert searched is not None
    assert searched.answer.endswith(f"None of them meets the goal; the nearest miss is {miss}.")
    assert answer_text.product_answer(found) == (
        "No candidate keeps accuracy within 0.01 and gains on latency: the product is the baseline. "
        f"The nearest miss is {miss}."
    )


def test_a_search_in_which_all_failed_says_how_near_it_came() -> None:
    lost: Any = {"curve": (), "score": None, "answer": None, "state": "failed", "reason": "OSError: gone"}
    assert answer((trial(0, **lost), trial(1, **lost))) == "2 trials: 2 failed. None came to a file."
    stopped = trial(1, answer=None, state="stopped early", score=-0.02, measured={"drop": 0.0312})
    assert answer((trial(0, **lost), stopped)) == (
        "2 trials: 1 stopped early, 1 failed. None came to a file; the nearest was found 2, stopped early, "
        "at a drop of 0.0312 accuracy where 0.01 is allowed."
    )


def test_an_empty_search_says_so() -> None:
    assert answer(()) == "The search ran no trial."
    found = findings(())
    assert found.found is not None
    broken = dataclasses.replace(found.found, tuned=SearchResult({}, (), "RuntimeError: no cluster"))
    again = branch_search_report.report_branch_search(dataclasses.replace(found, found=broken))
    assert again is not None
    assert again.answer.endswith("It ended before its budget was spent: RuntimeError: no cluster.")
    assert [each.name for each in again.tried] == ["narrow"]


def test_the_nearest_miss_is_the_one_of_the_best_rank() -> None:
    worst = report_data.card("worst", 0.8242, 0.1, 0.3, 100_000)
    found = findings((), own={"worst": worst, "bad": BAD})
    assert [row.name for _, row in near_misses.ranked_candidates(found)] == ["bad", "worst"]
    assert near_misses.nearest_miss(found).startswith("The nearest miss is bad (4.00× as fast")
    assert near_misses.nearest_miss(findings((), own={})) == ""
    assert answer_text.product_answer(findings((), own={})).endswith("the product is the baseline.")
