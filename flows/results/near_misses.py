"""Near misses: the ranks of the candidates under the goal, and the nearest one when none meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.pipeline.findings import BranchResult
from tasks.core import Scorecard
from tasks.evaluation import ranking

if TYPE_CHECKING:
    from flows.pipeline.findings import Findings


def ranked_candidates(findings: Findings) -> list[tuple[float, BranchResult]]:
    """(rank, branch result) of each candidate that was not refused, the best first; ranks as `ranking.rank`."""
    baseline = findings.cards[findings.results[0].stages[0].exported.digest]
    goal = findings.recipe.goal
    found = [
        (
            ranking.rank(ranking.position_of(findings.cards[result.product.digest], goal), goal, baseline.score.value),
            result,
        )
        for result in findings.results
        if result.role == "candidate" and result.product
    ]
    return sorted(found, key=lambda pair: -pair[0])


def nearest_miss(findings: Findings) -> str:
    """A sentence on the candidate that comes nearest to the goal; empty when none was measured."""
    candidates = ranked_candidates(findings)
    return f"The nearest miss is {describe_miss(candidates[0][1], findings)}." if candidates else ""


def describe_miss(result: BranchResult, findings: Findings) -> str:
    """A measured candidate as text: its name, its gains, and which rule of the goal it breaks, on validation."""
    assert result.product is not None
    digest = result.product.digest
    return f"{result.name} ({gains(findings.cards[digest])}): {findings.choice.reasons[digest]}"


def gains(card: Scorecard) -> str:
    """How much faster and smaller than the baseline, as text."""
    return f"{card.latency.ratio.value:.2f}× as fast, {card.size_ratio:.2f}× smaller"
