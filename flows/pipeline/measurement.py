"""Measurement: the scorecards of a run, on validation for every stage and on test once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from flows.pipeline.findings import BranchResult
from flows.pipeline.run_context import RunContext
from tasks.compression.measure import evaluate_candidates
from tasks.core import Candidate, Latency, Scorecard, SplitName
from tasks.evaluation.evaluate import EvaluationSpec
from tasks.evaluation.metric_choice import metric_spec


def measure_stages(label: str, results: tuple[BranchResult, ...], run: RunContext) -> dict[str, Scorecard]:
    """Validation scorecards of every different stage, by the digest of its ONNX candidate, all measured side by side.

    Args:
        label: the step's label for display.
        results: branch results; the baseline's is among them.
        run: what the branches of the run have in common.
    """
    candidates: dict[str, Candidate] = {}
    digests: set[str] = set()
    for result in results:
        for place, stage in enumerate(result.stages):
            if stage.exported.digest not in digests:
                digests.add(stage.exported.digest)
                is_last = stage is result.stages[-1] and result.refusal is None
                name = result.name if is_last else f"{result.name}: {stage.label}"
                name = f"{name} ({place})" if name in candidates else name
                candidates[name] = stage.exported
    return _evaluate(label, candidates, "validation", None, run)


def test_once(chosen: Candidate, cards: dict[str, Scorecard], run: RunContext) -> dict[str, Scorecard]:
    """Test scorecards of the baseline and the chosen candidate, by digest: the only use of the test split.

    Latency is not measured again, nor is a threshold chosen: both are those of the validation scorecards `cards`.
    """
    baseline = run.baseline.exported
    candidates = {"baseline": baseline}
    if chosen.digest != baseline.digest:
        candidates[chosen.name] = chosen
    timing = {each.digest: cards[each.digest].latency for each in candidates.values()}
    chosen_points = {each.digest: cards[each.digest].threshold for each in candidates.values()}
    thresholds = {digest: value for digest, value in chosen_points.items() if value is not None}
    return _evaluate("test once", candidates, "test", timing, run, thresholds)


def _evaluate(
    label: str,
    candidates: dict[str, Candidate],
    split: SplitName,
    timing: dict[str, Latency] | None,
    run: RunContext,
    thresholds: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, Scorecard]:
    goal, metric = run.recipe.goal, metric_spec(run.recipe.goal, run.prepared.dataset)
    spec = EvaluationSpec(goal, run.recipe.runtime, split, metric, thresholds)
    reference, call = run.baseline.exported.digest, run.job.runner.run
    return call(
        label, evaluate_candidates, candidates, reference, run.prepared, spec, timing, run.host, run.job.context
    )
