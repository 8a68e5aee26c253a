"""Stopping rule: which files are timed further, because a verdict or the choice of the product still hangs on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tasks.core import Estimate, Goal, Scorecard
from tasks.evaluation import selection
from tasks.evaluation.latencies import Ratios

PRECISION = 0.05
"""Share by which the ends of the best one's interval may be away from its middle: its speed stands in the headline."""


def undecided(
    cards: Mapping[str, Scorecard],
    baseline: str,
    goal: Goal,
    ratios: Ratios,
    most: int,
    baseline_may_win: bool = False,
) -> frozenset[str]:
    """Digests of the candidates whose further times may change a verdict or the choice; empty where all is decided.

    Decided is what holds for every speed within the intervals, which hold together after each process
    (`benchmark.compare_latencies`). First, which of those that meet the goal is chosen: each is compared with the best
    one in the processes in which both were timed, so that what is beaten needs no verdict. Then, whether the best one
    meets the goal, and whether it is faster than the baseline, slower, or neither by more than `benchmark.RESOLUTION`;
    if that is open, the same of all that meet the goal at their best speed. Last, the best one's speed is known to
    PRECISION.

    Args:
        cards: validation scorecards of what can be chosen, with the latencies so far, the baseline's among them.
        baseline: the baseline's digest.
        goal: the user's goal.
        ratios: of all processes so far. Files that were timed in fewer are decided.
        most: the number of processes at most.
        baseline_may_win: as in `selection.select`.
    """
    possible = [
        card for digest, card in cards.items() if digest != baseline and selection.flaw(_at_best(card), goal) is None
    ]
    found = {card.candidate for card in possible if _is_open(card, goal)}
    meeting = [card for card in possible if selection.flaw(card, goal) is None]
    if meeting:
        best, contested = _contest(possible, meeting, cards[baseline] if baseline_may_win else None, goal, ratios, most)
        found = found | contested if best.candidate in found else contested
        found |= {best.candidate} if best.latency.ratio.high > (1 + PRECISION) ** 2 * best.latency.ratio.low else set()
    count = max(map(len, ratios.values()))
    return frozenset(digest for digest in found if digest != baseline and len(ratios[digest]) == count)


def _is_open(card: Scorecard, goal: Goal) -> bool:
    """Whether it is open if a candidate meets the goal, which it does at its best speed, or if it is faster at all."""
    from tasks.kernels.latency.benchmark import RESOLUTION

    latency = card.latency
    worst = _with_ratio(card, latency.ratio.low)
    if selection.flaw(replace(worst, latency=replace(worst.latency, verdict=latency.verdict)), goal) is not None:
        return True
    is_same = latency.ratio.low > 1 / (1 + RESOLUTION) and latency.ratio.high < 1 + RESOLUTION
    return latency.verdict == "no measurable change" and not is_same


def _at_best(card: Scorecard) -> Scorecard:
    """The candidate at the upper end of its speed."""
    from tasks.kernels.latency.benchmark import RESOLUTION

    best = _with_ratio(card, card.latency.ratio.high)
    is_faster = card.latency.ratio.high >= 1 + RESOLUTION
    return replace(best, latency=replace(best.latency, verdict="faster")) if is_faster else best


def _with_ratio(card: Scorecard, ratio: float) -> Scorecard:
    """The scorecard if the candidate were exactly so fast; its milliseconds change with it."""
    latency = card.latency
    exact = Estimate(ratio, ratio, ratio, latency.ratio.n)
    return replace(
        card, latency=replace(latency, ratio=exact, median_ms=latency.median_ms * latency.ratio.value / ratio)
    )


def _contest(
    possible: Sequence[Scorecard],
    meeting: Sequence[Scorecard],
    baseline: Scorecard | None,
    goal: Goal,
    ratios: Ratios,
    most: int,
) -> tuple[Scorecard, set[str]]:
    """The best of the candidates that meet the goal, and those between which the choice is open.

    Args:
        possible: those that meet the goal at their best speed, `meeting` among them.
        meeting: those that meet it now, at least one.
        baseline: the baseline where it may win, too.
        goal: the user's goal.
        ratios: as in `undecided`.
        most: as in `undecided`.
    """
    exact = [_with_ratio(card, card.latency.ratio.value) for card in meeting]
    chosen = selection.winner(exact, goal, baseline) or exact[0]
    [best] = [card for card in (*meeting, *([baseline] if baseline else [])) if card.candidate == chosen.candidate]
    now = selection.winner(meeting, goal, baseline) or best
    found = {now.candidate} - {best.candidate}
    rivals = {card.candidate: card for card in (*possible, *([baseline] if baseline else []))}
    spans = {digest: _span(ratios[digest], ratios[best.candidate], most) for digest in rivals}
    for digest, rival in rivals.items():
        for end in spans[digest][1:]:
            speeds = {other: value for other, (value, *_) in spans.items()} | {digest: end}
            taking_part = {card.candidate: card for card in (*meeting, rival) if card is not baseline}
            scene = [_with_ratio(card, speeds[other]) for other, card in taking_part.items()]
            held = _with_ratio(baseline, speeds[baseline.candidate]) if baseline else None
            taken = selection.winner(scene, goal, held)
            if taken is None or taken.candidate != best.candidate:
                found.add(digest)
    return best, found | {best.candidate} if found else found


def _span(own: Sequence[float], its: Sequence[float], most: int) -> tuple[float, float, float]:
    """How many times as fast a file is as another, with its interval, by their ratios to the baseline by process."""
    from tasks.kernels.latency.benchmark import interval_level
    from tasks.kernels.statistics.intervals import ratio_interval

    pairs = [mine / other for mine, other in zip(own, its, strict=False)]
    return ratio_interval(pairs, interval_level(len(pairs), most))
