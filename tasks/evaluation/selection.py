"""Selection: chooses the product among the candidates that meet the goal by their costs, otherwise the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.core import Goal, Scorecard
from tasks.core.goal import TIE
from tasks.evaluation.groups import group_flaw, hurt_groups


@dataclass(frozen=True)
class Selection:
    """The result of a selection."""

    chosen: str
    """Digest of the product: a candidate that meets the goal, or the baseline."""
    meets_goal: bool
    """False when no candidate meets the goal and the baseline is kept for want of another."""
    reasons: dict[str, str]
    """Digest → why the candidate was or was not chosen, in one sentence."""
    front: tuple[str, ...]
    """The digests on the Pareto front of drop, latency and bytes."""


def select(cards: Mapping[str, Scorecard], baseline: str, goal: Goal, baseline_may_win: bool = False) -> Selection:
    """Chooses the product from validation scorecards alone: the least cost, or one that is a tie and clearly better.

    Args:
        cards: validation scorecards by candidate digest, including the baseline's, without dense controls.
        baseline: the baseline's digest.
        goal: the user's goal.
        baseline_may_win: whether the goal is met by the baseline itself where no other meets it at a clearly lower cost
            (`goal.tie`): it was the best of several models, and the recipe brings none.
    """
    flaws = {digest: flaw(card, goal) for digest, card in cards.items() if digest != baseline}
    feasible = [cards[digest] for digest, sentence in flaws.items() if sentence is None]
    front = pareto_front(list(cards.values()))
    may_win = baseline_may_win and beyond_limit(cards[baseline], goal) is None
    best = winner(feasible, goal, cards[baseline] if may_win else None)
    if best is not None and best.candidate == baseline:
        why = "meets the goal, but costs as much as the best model within the goal's tie"
        reasons = {digest: sentence or why for digest, sentence in flaws.items()}
        reasons[baseline] = "chosen: the best model is also the least costly of those within the margin"
        return Selection(baseline, True, reasons, front)
    if best is None:
        kept = {digest: sentence or "" for digest, sentence in flaws.items()}
        return Selection(baseline, False, kept | {baseline: "kept: no candidate meets the goal"}, front)
    reasons = {digest: sentence or _behind(cards[digest], best, goal) for digest, sentence in flaws.items()}
    reasons[best.candidate] = _chosen(best, feasible, goal)
    reasons[baseline] = "what the others are measured against"
    return Selection(best.candidate, True, reasons, front)


def winner(feasible: Sequence[Scorecard], goal: Goal, baseline: Scorecard | None = None) -> Scorecard | None:
    """The scorecard of the product among those that meet the goal; None without one.

    `baseline`, where it is given, wins unless one of them costs clearly less (`goal.tie`).
    """
    best = break_tie(feasible, pick(feasible, goal), goal) if feasible else None
    return baseline if baseline is not None and not _is_worth(best, baseline, goal) else best


def _is_worth(best: Scorecard | None, baseline: Scorecard, goal: Goal) -> bool:
    """Whether a candidate costs less than the baseline by more than `goal.tie`, or clearly less of the other cost."""
    if best is None or goal.tie == 0:
        return best is not None
    is_cheaper = goal_cost(baseline, goal) > (1 + goal.tie) * goal_cost(best, goal)
    return is_cheaper or _is_clear(baseline, best, goal)


def pick(feasible: Sequence[Scorecard], goal: Goal) -> Scorecard:
    """The scorecard with the least cost; between equal costs, with the smaller drop.

    Latencies whose intervals overlap with the fastest one's are a tie; then the fewer bytes decide.
    """
    best = min(feasible, key=lambda card: (goal_cost(card, goal), card.drop.estimate.value))
    if goal.minimize == "bytes":
        return best
    tied = [card for card in feasible if card.latency.ratio.high >= best.latency.ratio.low]
    return min(tied, key=lambda card: (card.size.bytes, goal_cost(card, goal)))


def break_tie(feasible: Sequence[Scorecard], least: Scorecard, goal: Goal) -> Scorecard:
    """The scorecard `least`, or one that costs at most `goal.tie` more than the least cost and is clearly better.

    Clearly better: its other cost is so low that the other's is higher by at least twice `goal.tie`. No scorecard
    within the tie is clearly better than the one returned. With a tie of 0 it is `least`.
    """
    if goal.tie == 0:
        return least
    best = least
    lowest = min(goal_cost(card, goal) for card in feasible)
    for card in sorted(feasible, key=lambda card: goal_cost(card, goal)):
        if goal_cost(card, goal) <= (1 + goal.tie) * lowest and _is_clear(best, card, goal):
            best = card
    return best


def _is_clear(worse: Scorecard, better: Scorecard, goal: Goal) -> bool:
    """Whether the other cost of `worse` is higher than that of `better` by at least twice the goal's tie."""
    return other_cost(worse, goal) >= (1 + 2 * goal.tie) * other_cost(better, goal)


def goal_cost(card: Scorecard, goal: Goal) -> float:
    """The quantity that the goal minimizes: the latency as a share of the baseline's, or the bytes."""
    return 1 / card.latency.ratio.value if goal.minimize == "latency" else float(card.size.bytes)


def other_cost(card: Scorecard, goal: Goal) -> float:
    """The cost that the goal does not minimize: the bytes, or the latency as a share of the baseline's."""
    return float(card.size.bytes) if goal.minimize == "latency" else 1 / card.latency.ratio.value


def flaw(card: Scorecard, goal: Goal) -> str | None:
    """The first requirement of the goal that the candidate does not meet, in one sentence; None when it meets all."""
    drop = card.drop
    if drop.estimate.value > goal.max_drop:
        return f"{card.metric_title} gets worse by {drop.estimate.value:.4g}, beyond {goal.max_drop:g}"
    if goal.judged(drop.estimate) > goal.max_drop:
        if goal.proof == "likely":
            return f"the drop is within {goal.max_drop:g}, but in more than one of five such samples it would not be"
        needed = f"; about {drop.needed} examples would prove it" if drop.needed else ""
        return f"the drop is within {goal.max_drop:g} but not proven by {drop.estimate.n} examples{needed}"
    if (hurt := group_flaw(card, goal)) is not None:
        return hurt
    if (beyond := beyond_limit(card, goal)) is not None:
        return beyond
    if goal.minimize == "latency" and card.latency.verdict != "faster":
        return f"not measurably faster than the baseline ({card.latency.words})"
    if goal.minimize == "bytes" and card.size_ratio <= 1:
        return "not smaller than the baseline"
    return None


def beyond_limit(card: Scorecard, goal: Goal) -> str | None:
    """The first limit on its costs that a candidate exceeds, in one sentence; None when it keeps them all."""
    for name, value, bound, low_is_good in (
        ("bytes", card.size.bytes, goal.limits.bytes, True),
        ("latency_ms", card.latency.median_ms, goal.limits.latency_ms, True),
        ("speedup", card.latency.ratio.value, goal.limits.speedup, False),
    ):
        if bound is not None and (value > bound if low_is_good else value < bound):
            return f"{name} is {value:.4g}, {'above' if low_is_good else 'below'} the limit {bound:g}"
    return None


def holds_on_test(card: Scorecard, goal: Goal) -> bool:
    """Whether a test scorecard does not refute the choice: neither its drop nor, if limited, a group's is beyond."""
    is_hurt = goal.limits.group_drop is not None and bool(hurt_groups(card))
    return card.drop.verdict != "beyond" and not is_hurt


def _chosen(best: Scorecard, feasible: Sequence[Scorecard], goal: Goal) -> str:
    """Why the scorecard was chosen, in one sentence."""
    least = min(feasible, key=lambda card: (goal_cost(card, goal), card.drop.estimate.value))
    if goal_cost(best, goal) == goal_cost(least, goal):
        return f"chosen: least {goal.minimize} among the {len(feasible)} that meet the goal"
    if _overlaps(least, best, goal):
        return f"chosen: none of the {len(feasible)} that meet the goal is measurably faster, and it is smaller"
    return f"chosen: {_tied(best, least, goal, f' as {least.name}')}"


def _overlaps(least: Scorecard, best: Scorecard, goal: Goal) -> bool:
    """Whether the latency of `best`, which is minimized, is not measurably higher than that of `least`."""
    return goal.minimize == "latency" and best.latency.ratio.high >= least.latency.ratio.low


def _is_beaten_by_tie(card: Scorecard, best: Scorecard, goal: Goal) -> bool:
    """Whether `best` was chosen before the scorecard for its other cost, though it does not cost less."""
    cost, more = goal_cost(card, goal), goal_cost(best, goal)
    if goal.tie == 0 or _overlaps(card, best, goal) or more > (1 + goal.tie) * cost:
        return False
    return cost < more or (cost == more and _is_clear(card, best, goal))


def _tied(best: Scorecard, least: Scorecard, goal: Goal, name: str = "") -> str:
    """What `best` gains where its cost is close to that of `least`, which costs no more; `name` says as what."""
    share = "a tenth" if goal.tie == TIE else f"{100 * goal.tie:.3g} %"
    gain = other_cost(least, goal) / other_cost(best, goal)
    if goal.minimize == "latency":
        ratios = f"{best.latency.ratio.value:.2f}× against {least.latency.ratio.value:.2f}×"
        return f"as fast{name} within {share} and {gain:.1f}× smaller ({ratios})"
    sizes = f"{best.size.bytes:,} bytes against {least.size.bytes:,}"
    return f"as small{name} within {share} and {gain:.1f}× as fast ({sizes})"


def _behind(card: Scorecard, best: Scorecard, goal: Goal) -> str:
    """Why `best` was chosen and not the scorecard, which meets the goal too."""
    if _is_beaten_by_tie(card, best, goal):
        return f"meets the goal, but {best.name} is {_tied(best, card, goal)}"
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
