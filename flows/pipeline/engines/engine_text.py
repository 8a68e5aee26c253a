"""Engine text: what a second engine brings, in the sentences of the answer and the notes of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from flows.pipeline.findings import BranchResult, Findings
from tasks.conversion.engine_trials import EngineTrial, record_in
from tasks.core import Estimate, Scorecard


def describe_engine(findings: Findings) -> list[str]:
    """Sentences on the engine of the product, and what the float file alone gains by it; none for ONNX Runtime."""
    record = record_in(findings.product)
    if record is None or not findings.meets_goal:
        return []
    told = [f"It runs in {record.sentence}."]
    alone = [card for card in float_cards(findings) if card.candidate != findings.origin]
    if alone:
        best = max(alone, key=lambda card: card.latency.ratio.value)
        gain = _times(best.latency.ratio)
        told.append(f"Another runtime alone, with the same float file, brings {gain}: {best.name}.")
    if beside := findings.cards[findings.origin].latency.float_ratio:
        told.append(f"Against the fastest float32 file of both engines it is {_times(beside)} as fast.")
    return told


def float_cards(findings: Findings) -> list[Scorecard]:
    """The validation scorecards of the baseline's file in a second engine."""
    own = [each for each in findings.results if each.branch_name == "baseline" and each.role == "candidate"]
    return [findings.cards[each.product.digest] for each in own if each.product]


def engine_notes(findings: Findings) -> list[str]:
    """A sentence on the first look at a second engine, with what it refused; none where there was no such look."""
    if not findings.trials:
        return []
    names = _names(findings.results)
    told = [
        f"{names.get(origin, 'a file')} {', '.join(_looks(list(trials)))}"
        for origin, trials in groupby(findings.trials, key=lambda trial: trial.origin)
    ]
    law = "each file's time in ONNX Runtime over that in OpenVINO, one process, without an interval"
    return [f"A first look at OpenVINO ({law}): {'; '.join(told)}. Measured were those that looked faster."]


def _looks(trials: Sequence[EngineTrial]) -> Iterator[str]:
    reasons = list(dict.fromkeys(trial.reason for trial in trials if trial.ratio is None))
    yield from (f"{trial.precision} {trial.ratio:.2f}×" for trial in trials if trial.ratio is not None)
    yield from reasons


def _names(results: Sequence[BranchResult]) -> dict[str, str]:
    """Digest of the last file of each branch → the branch's name."""
    return {each.stages[-1].exported.digest: each.name for each in reversed(results) if not each.branch}


def _times(ratio: Estimate) -> str:
    return f"{ratio.value:.2f}× [{ratio.low:.2f}, {ratio.high:.2f}]"
