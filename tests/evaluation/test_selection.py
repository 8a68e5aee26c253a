"""Selection: worked by hand on made-up scorecards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tasks.core import Drop, Estimate, Goal, Latency, Limits, Scorecard, Size
from tasks.evaluation.selection import flaw, goal_cost, pareto_front, select

BASE_MS = 2.0
BASE_BYTES = 1000


def card(
    name: str,
    drop: float = 0.0,
    ratio: float = 1.0,
    size: int = BASE_BYTES,
    *,
    spread: float = 0.005,
    margin: float = 0.01,
    verdict: Any = None,
    needed: int | None = None,
) -> Scorecard:
    """A card by its drop, its speed against the baseline and its bytes; the drop's interval is ± spread."""
    within: Any = "proven within" if drop + spread <= margin else "within, not proven"
    pace: Any = "faster" if ratio > 1.05 else "slower" if ratio < 0.95 else "no measurable change"
    return Scorecard(
        candidate=name,
        name=name.upper(),
        split="validation",
        host="here",
        metric="accuracy",
        score=Estimate(0.9 - drop, 0.88 - drop, 0.92 - drop, 500),
        drop=Drop(
            Estimate(drop, drop - spread, drop + spread, 500),
            margin,
            verdict or (within if drop <= margin else "beyond"),
            needed,
        ),
        latency=Latency(BASE_MS / ratio, BASE_MS / ratio, 300, 3, Estimate(ratio, ratio - 0.05, ratio + 0.05, 3), pace),
        throughput=1000 * ratio / BASE_MS,
        size=Size(size, size // 4, size // 4, 10_000, 1.0),
        size_ratio=BASE_BYTES / size,
        parity=(),
    )


def cards(*each: Scorecard) -> dict[str, Scorecard]:
    """With the baseline first."""
    return {one.candidate: one for one in (card("base", spread=0.0), *each)}


FAST = card("fast", drop=0.004, ratio=3.0, size=400)
SMALL = card("small", drop=0.002, ratio=1.5, size=200)
BAD = card("bad", drop=0.05, ratio=9.0, size=100)


def test_the_fastest_that_keeps_the_metric_is_chosen() -> None:
    choice = select(cards(SMALL, FAST, BAD), "base", Goal())
    assert (choice.chosen, choice.meets_goal) == ("fast", True)
    assert choice.reasons == {
        "fast": "chosen: least latency among the 2 that meet the goal",
        "small": "meets the goal, but FAST is faster (3.00× against 1.50×)",
        "bad": "accuracy gets worse by 0.05, beyond 0.01",
        "base": "what the others are measured against",
    }


def test_the_smallest_is_chosen_when_bytes_count() -> None:
    choice = select(cards(SMALL, FAST, BAD), "base", Goal(minimize="bytes"))
    assert (choice.chosen, choice.meets_goal) == ("small", True)
    assert choice.reasons["fast"] == "meets the goal, but SMALL is smaller"


def test_speed_is_the_ratio_measured_side_by_side_not_the_milliseconds() -> None:
    one, other = card("one", ratio=2.0), card("other", ratio=2.5)
    slow_clock = replace(other, latency=replace(other.latency, median_ms=9.0))
    assert select(cards(one, slow_clock), "base", Goal()).chosen == "other"
    assert goal_cost(slow_clock, Goal()) == pytest.approx(0.4)
    assert goal_cost(slow_clock, Goal(minimize="bytes")) == 1000.0


def test_speeds_whose_intervals_overlap_are_a_tie_that_bytes_decide() -> None:
    fastest, nearly = card("fastest", ratio=2.08, size=500), card("nearly", ratio=2.0, size=300)
    assert fastest.latency.ratio.low < nearly.latency.ratio.high
    choice = select(cards(fastest, nearly), "base", Goal())
    assert choice.chosen == "nearly"
    assert choice.reasons["nearly"] == (
        "chosen: none of the 2 that meet the goal is measurably faster, and it is smaller"
    )
    assert (
        choice.reasons["fastest"] == "meets the goal and is about as fast (2.00× against 2.08×), but NEARLY is smaller"
    )
    clear = card("clear", ratio=2.2, size=500)
    assert select(cards(clear, nearly), "base", Goal(tie=0)).chosen == "clear"
    twins = select(cards(fastest, card("twin", ratio=2.0, size=500)), "base", Goal())
    assert twins.chosen == "fastest"
    assert twins.reasons["twin"] == "meets the goal, but FASTEST is faster (2.08× against 2.00×)"


QUICK, SLIM = card("quick", ratio=2.23, size=288), card("slim", ratio=2.10, size=86)


def test_within_a_tenth_of_the_least_latency_the_clearly_smaller_one_is_chosen() -> None:
    choice = select(cards(QUICK, SLIM), "base", Goal())
    assert choice.chosen == "slim"
    assert choice.reasons["slim"] == "chosen: as fast as QUICK within a tenth and 3.3× smaller (2.10× against 2.23×)"
    assert choice.reasons["quick"] == (
        "meets the goal, but SLIM is as fast within a tenth and 3.3× smaller (2.10× against 2.23×)"
    )
    exact = select(cards(QUICK, SLIM), "base", Goal(tie=0))
    assert exact.chosen == "quick"
    assert exact.reasons["slim"] == "meets the goal, but QUICK is faster (2.23× against 2.10×)"
    narrow = select(cards(QUICK, SLIM), "base", Goal(tie=0.07))
    assert narrow.reasons["slim"] == "chosen: as fast as QUICK within 7 % and 3.3× smaller (2.10× against 2.23×)"


@pytest.mark.parametrize(
    ("ratio", "size", "chosen"),
    [(2.0, 86, "quick"), (2.10, 245, "quick"), (2.10, 239, "other"), (2.04, 86, "other"), (2.5, 400, "other")],
    ids=["more than a tenth slower", "hardly smaller", "a sixth smaller", "nearly a tenth slower", "faster and larger"],
)
def test_a_tie_is_a_tenth_of_the_cost_against_a_fifth_of_the_other(ratio: float, size: int, chosen: str) -> None:
    assert select(cards(QUICK, card("other", ratio=ratio, size=size)), "base", Goal()).chosen == chosen


def test_within_a_tenth_of_the_least_bytes_the_clearly_faster_one_is_chosen() -> None:
    least, swift = card("least", drop=0.001, ratio=1.5, size=1000), card("swift", drop=0.008, ratio=3.0, size=1080)
    goal = Goal(minimize="bytes")
    large = {"base": replace(card("base"), size_ratio=1.0)}
    small = {each.candidate: replace(each, size_ratio=4.0) for each in (least, swift)}
    choice = select(large | small, "base", goal)
    assert choice.chosen == "swift"
    words = "within a tenth and 2.0× as fast (1,080 bytes against 1,000)"
    assert choice.reasons["swift"] == f"chosen: as small as LEAST {words}"
    assert choice.reasons["least"] == f"meets the goal, but SWIFT is as small {words}"
    twin = replace(small["swift"], candidate="twin", name="TWIN", size=small["least"].size)
    equal = select(large | {"least": small["least"], "twin": twin}, "base", goal)
    assert equal.chosen == "twin"
    assert equal.reasons["twin"] == "chosen: least bytes among the 2 that meet the goal"
    assert "as small within a tenth and 2.0× as fast" in equal.reasons["least"]
    assert select(large | small, "base", Goal(minimize="bytes", tie=0)).chosen == "least"


def test_a_tie_is_broken_in_favour_of_the_cheapest_that_is_clearly_better() -> None:
    """The third is smaller still, but not clearly smaller than the second, which is faster."""
    second, third = card("second", ratio=2.14, size=100), card("third", ratio=2.06, size=90)
    choice = select(cards(QUICK, third, second), "base", Goal())
    assert choice.chosen == "second"
    assert choice.reasons["third"].startswith("meets the goal, but SECOND is faster")
    beyond = card("beyond", drop=0.02, ratio=2.2, size=10)
    assert select(cards(QUICK, beyond), "base", Goal()).chosen == "quick"


def test_a_goal_that_sets_no_tie_is_dumped_as_before_there_was_one() -> None:
    assert "tie" not in Goal().model_dump(mode="json")
    assert Goal(tie=0).model_dump(mode="json")["tie"] == 0
    assert Goal.model_validate(Goal(tie=0.3).model_dump()) == Goal(tie=0.3)
    assert Goal.model_validate(Goal().model_dump()).tie == 0.1


def test_between_equally_small_ones_the_smaller_drop_decides_then_the_order() -> None:
    goal = Goal(minimize="bytes")
    worse, better = card("worse", drop=0.008, size=300), card("better", drop=0.001, size=300)
    choice = select(cards(worse, better), "base", goal)
    assert choice.chosen == "better"
    assert choice.reasons["better"] == "chosen: least bytes among the 2 that meet the goal"
    assert choice.reasons["worse"] == "meets the goal, but BETTER is as small and loses no more"
    twin = card("twin", drop=0.001, size=300)
    assert select(cards(better, twin), "base", goal).chosen == "better"
    assert select(cards(twin, better), "base", goal).chosen == "twin"


def test_an_estimate_is_enough_unless_proof_is_asked_for() -> None:
    likely = card("likely", drop=0.006, ratio=4.0, spread=0.02, needed=8100)
    proven = card("proven", drop=0.001, ratio=1.2)
    assert likely.drop.verdict == "within, not proven"
    assert select(cards(likely, proven), "base", Goal()).chosen == "likely"
    choice = select(cards(likely, proven), "base", Goal(proof="proven"))
    assert choice.chosen == "proven"
    assert choice.reasons["likely"] == (
        "the drop is within 0.01 but not proven by 500 examples; about 8100 examples would prove it"
    )
    nobody = select(cards(likely), "base", Goal(proof="proven"))
    assert (nobody.chosen, nobody.meets_goal) == ("base", False)


def test_what_is_likely_lies_between_an_estimate_and_a_proof() -> None:
    # With an interval of 0.02 to either side its 80 % bound is 0.8416 / 1.96 * 0.02 = 0.0086 above the estimate.
    near, far = card("near", drop=0.002, ratio=3.0, spread=0.02), card("far", drop=0.001, ratio=2.0, spread=0.02)
    assert select(cards(near, far), "base", Goal(proof="proven")).chosen == "base"
    choice = select(cards(near, far), "base", Goal(proof="likely"))
    assert choice.chosen == "far"
    assert choice.reasons["near"] == (
        "the drop is within 0.01, but in more than one of five such samples it would not be"
    )


@pytest.mark.parametrize(
    ("limits", "kept", "reason"),
    [
        ({"bytes": 300}, "small", "bytes is 400, above the limit 300"),
        ({"bytes": 400}, "fast", None),
        ({"latency_ms": 0.5}, "base", "latency_ms is 0.6667, above the limit 0.5"),
        ({"latency_ms": 0.7}, "fast", None),
        ({"speedup": 2.0}, "fast", None),
        ({"speedup": 1000}, "base", "speedup is 3, below the limit 1000"),
    ],
)
def test_limits(limits: dict[str, Any], kept: str, reason: str | None) -> None:
    choice = select(cards(SMALL, FAST), "base", Goal(limits=Limits(**limits)))
    assert choice.chosen == kept
    assert choice.meets_goal == (kept != "base")
    if reason:
        assert choice.reasons["fast"] == reason


def test_nothing_feasible_keeps_the_baseline_and_says_why() -> None:
    no_gain, slower = card("same", ratio=1.01), card("slower", ratio=0.5, size=100)
    choice = select(cards(BAD, no_gain, slower), "base", Goal())
    assert (choice.chosen, choice.meets_goal) == ("base", False)
    assert choice.reasons == {
        "bad": "accuracy gets worse by 0.05, beyond 0.01",
        "same": "not measurably faster than the baseline (no measurable change)",
        "slower": "not measurably faster than the baseline (slower)",
        "base": "kept: no candidate meets the goal",
    }
    larger = select(cards(card("larger", size=1001), card("equal")), "base", Goal(minimize="bytes"))
    assert larger.chosen == "base"
    assert larger.reasons["equal"] == larger.reasons["larger"] == "not smaller than the baseline"


def test_the_baseline_alone() -> None:
    choice = select(cards(), "base", Goal())
    assert (choice.chosen, choice.meets_goal, choice.front) == ("base", False, ("base",))


def test_the_baseline_is_never_a_candidate_of_its_own() -> None:
    assert not select(cards(), "base", Goal(minimize="bytes", limits=Limits(bytes=BASE_BYTES))).meets_goal


@pytest.mark.parametrize("goal", [Goal(), Goal(minimize="bytes"), Goal(proof="proven"), Goal(limits=Limits(bytes=1))])
def test_every_digest_has_a_reason(goal: Goal) -> None:
    everyone = cards(FAST, SMALL, BAD, card("same"))
    choice = select(everyone, "base", goal)
    assert choice.reasons.keys() == everyone.keys()
    assert all(choice.reasons.values())


def test_a_loss_metric_is_named_in_the_reason() -> None:
    card = replace(BAD, title="RMSE")
    assert flaw(card, Goal(metric="rmse", max_drop=0.04)) == "RMSE gets worse by 0.05, beyond 0.04"


def test_the_front_worked_by_hand() -> None:
    found = [
        card("base", spread=0.0),  # drop 0, 1.0, 1000: nobody loses less
        card("a", drop=0.004, ratio=3.0, size=400),  # fastest but one
        card("b", drop=0.002, ratio=1.5, size=200),  # smaller and closer than a
        card("c", drop=0.005, ratio=2.9, size=400),  # a beats it in drop and latency, and is as small
        card("d", drop=0.05, ratio=9.0, size=500),  # fastest
        card("e", drop=0.004, ratio=3.0, size=400),  # the same point as a
    ]
    assert pareto_front(found) == ("base", "a", "b", "d", "e")


def test_beating_the_baseline_takes_it_off_the_front() -> None:
    better = card("better", drop=-0.01, ratio=1.2, size=900)
    assert select(cards(better), "base", Goal()).front == ("better",)


def test_the_best_of_several_models_may_be_the_product() -> None:
    assert select(cards(BAD), "base", Goal()).meets_goal is False
    choice = select(cards(BAD), "base", Goal(), baseline_may_win=True)
    assert (choice.chosen, choice.meets_goal) == ("base", True)
    assert choice.reasons["base"] == "chosen: the best model is also the least costly of those within the margin"
    limited = Goal.model_validate({"limits": {"bytes": 10}})
    assert select(cards(BAD), "base", limited, baseline_may_win=True).meets_goal is False
    assert select(cards(FAST), "base", Goal(), baseline_may_win=True).chosen == "fast"


@pytest.mark.parametrize(
    ("ratio", "size", "chosen"), [(1.02, 980, "base"), (1.02, 700, "little"), (1.2, 980, "little")]
)
def test_the_best_of_several_models_wins_a_tie(ratio: float, size: int, chosen: str) -> None:
    little = replace(card("little", drop=0.004, ratio=ratio, size=size), latency=faster(ratio))
    choice = select(cards(little), "base", Goal(), baseline_may_win=True)
    assert (choice.chosen, choice.meets_goal) == (chosen, True)
    assert select(cards(little), "base", Goal()).chosen == "little", "a model that was brought is to be pared down"


def faster(ratio: float) -> Latency:
    """A small gain that is measured all the same."""
    return Latency(BASE_MS / ratio, BASE_MS / ratio, 300, 3, Estimate(ratio, ratio - 0.01, ratio + 0.01, 3), "faster")
