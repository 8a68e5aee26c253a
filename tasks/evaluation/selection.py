"""Selection: chooses the product: the candidate that meets the goal with the least cost, otherwise the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.core import Goal, Scorecard


@dataclass(frozen=True)
class Selection:
    """The result of a selection."""

    chosen: str
    """Digest of the product: a candidate that meets the goal, or the baseline."""
    meets_goal: bool
    """False when no candidate meets the goal and the baseline is kept."""
    reasons: dict[str, str]
    """Digest → why the candidate was or was not chosen, in one sentence."""
    front: tuple[str, ...]
    """The digests on the Pareto front of drop, latency and bytes."""


def select(cards: Mapping[str, Scorecard], baseline: str, goal: Goal) -> Selection:
    """Chooses the product from validation scorecards alone.

    Args:
        cards: validation scorecards by candidate digest, including the baseline's, without dense controls.
        baseline: the baseline's digest.
        goal: the user's goal.
    """
    flaws = {digest: flaw(card, goal) for digest, card in cards.items() if digest != baseline}
    feasible = [cards[digest] for digest, sentence in flaws.items() if sentence is None]
    front = pareto_front(list(cards.values()))
    if not feasible:
        reasons = {digest: sentence or "" for digest, sentence in flaws.items()}
        reasons[baseline] = "kept: no candidate meets the goal"
        return Selection(baseline, False, reasons, front)
    best = pick(feasible, goal)
    reasons = {digest: sentence or _behind(cards[digest], best, goal) for digest, sentence in flaws.items()}
    reasons[best.candidate] = f"chosen: least {goal.minimize} among the {len(feasible)} that meet the goal"
    if goal_cost(best, goal) > min(goal_cost(card, goal) for card in feasible):
        reasons[best.candidate] = (
            f"chosen: none of the {len(feasible)} that meet the goal is measurably faster, and it is smaller"
        )
    reasons[baseline] = "what the others are measured against"
    return Selection(best.candidate, True, reasons, front)


def pick(feasible: Sequence[Scorecard], goal: Goal) -> Scorecard:
    """The scorecard with the least cost; between equal costs, with the smaller drop.

    Latencies whose intervals overlap with the fastest one's are a tie; then the fewer bytes decide.
    """
    best = min(feasible, key=lambda card: (goal_cost(card, goal), card.drop.estimate.value))
    if goal.minimize == "bytes":
        return best
    tied = [card for card in feasible if card.latency.ratio.high >= best.latency.ratio.low]
    return min(tied, key=lambda card: (card.size.bytes, goal_cost(card, goal)))


def goal_cost(card: Scorecard, goal: Goal) -> float:
    """The quantity that the goal minimizes: the latency as a share of the baseline's, or the bytes."""
    return 1 / card.latency.ratio.value if goal.minimize == "latency" else float(card.size.bytes)


def flaw(card: Scorecard, goal: Goal) -> str | None:
    """The first requirement of the goal that the candidate does not meet, in one sentence; None when it meets all."""
    drop = card.drop
    if drop.estimate.value > goal.max_drop:
        return f"{goal.metric} gets worse by {drop.estimate.value:.4g}, beyond {goal.max_drop:g}"
    if goal.judged(drop.estimate) > goal.max_drop:
        if goal.proof == "likely":
            return f"the drop is within {goal.max_drop:g}, but in more than one of five such samples it would not be"
        needed = f"; about {drop.needed} examples would prove it" if drop.needed else ""
        return f"the drop is within {goal.max_drop:g} but not proven by {drop.estimate.n} examples{needed}"
    for name, value, bound, low_is_good in (
        ("bytes", card.size.bytes, goal.limits.bytes, True),
        ("latency_ms", card.latency.median_ms, goal.limits.latency_ms, True),
        ("speedup", card.latency.ratio.value, goal.limits.speedup, False),
    ):
        if bound is not None and (value > bound if low_is_good else value < bound):
            return f"{name} is {value:.4g}, {'above' if low_is_good else 'below'} the limit {bound:g}"
    if goal.minimize == "latency" and card.latency.verdict != "faster":
        return f"not measurably faster than the baseline ({card.latency.words})"
    if goal.minimize == "bytes" and card.size_ratio <= 1:
        return "not smaller than the baseline"
    return None


def _behind(card: Scorecard, best: Scorecard, goal: Goal) -> str:
    if goal.minimize == "bytes":
        is_smaller = best.size.bytes < card.size.bytes
        return f"meets the goal, but {best.name} is {'smaller' if is_smaller else 'as small and loses no more'}"
    ratios = f"{best.latency.ratio.value:.2f}× against {card.latency.ratio.value:.2f}×"
    if card.latency.ratio.high >= best.latency.ratio.low and best.size.bytes < card.size.bytes:
        return f"meets the goal and is about as fast ({ratios}), but {best.name} is smaller"
    return f"meets the goal, but {best.name} is faster ({ratios})"


def pareto_front(cards: Sequence[Scorecard]) -> tuple[str, ...]:
    """Digests of the candidates on the Pareto front of drop, latency and bytes.

    No other candidate is at least as good as one of them in all three and better in one.
    """
    points = {
        card.candidate: (card.drop.estimate.value, 1 / card.latency.ratio.value, float(card.size.bytes))
        for card in cards
    }
    return tuple(
        name for name, point in points.items() if not any(_dominates(other, point) for other in points.values())
    )


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
