"""Teaching: what an ensemble gains, and what branches gain that the baseline teaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flows.pipeline.branches import control_branches
from flows.pipeline.findings import BranchResult, EnsembleGain, TaughtGain
from flows.pipeline.run_context import RunContext
from flows.recipe.default_branches import branches_of
from tasks.compression.branch import untaught_steps
from tasks.compression.measure import evaluate_candidates
from tasks.core import Candidate, Estimate, Scorecard
from tasks.evaluation.evaluate import EvaluationSpec
from tasks.evaluation.metric_choice import metric_spec
from tasks.training.ensembles.network_average import TECHNIQUE


def judge_lessons(
    results: Sequence[BranchResult], cards: Mapping[str, Scorecard], run: RunContext
) -> tuple[TaughtGain, ...]:
    """What each branch gained by its teacher, on the validation split; a branch that refused, or whose control did, has
    none.

    Args:
        results: the results of the recipe's branches and of their controls.
        cards: the validation scorecards of their products.
        run: what the branches have in common.
    """
    branches = branches_of(run.recipe).branches
    products = {result.name: result.product for result in results if result.product is not None}
    controls, found = control_branches(branches), []
    for branch in branches:
        steps = untaught_steps(branch)
        control = next((each.name for each in controls if each.steps == steps), "")
        if branch.name not in products or control not in products:
            continue
        gain = compare_pair(products[branch.name], products[control], cards, run)
        found.append(TaughtGain(branch.name, gain))
    return tuple(found)


def judge_ensemble(run: RunContext) -> EnsembleGain | None:
    """What the baseline, an ensemble of networks, gains over its best member; None for every other baseline."""
    step = run.baseline.model.lineage[0]
    if step.technique != TECHNIQUE or step.record is None:
        return None
    record = run.job.store.get_json(step.record)
    return EnsembleGain(len(record["members"]), record["best_member"], Estimate(**record["gain"]))


def compare_pair(taught: Candidate, control: Candidate, cards: Mapping[str, Scorecard], run: RunContext) -> Estimate:
    """How much better the taught model is than its control, paired on the same examples; above 0 is better."""
    goal, metric = run.recipe.goal, metric_spec(run.recipe.goal, run.prepared.dataset)
    spec = EvaluationSpec(goal, run.recipe.runtime, "validation", metric)
    pair = {"control": control, "taught": taught}
    timing = {each.digest: cards[each.digest].latency for each in pair.values()}
    label, call = f"compare {taught.name} with {control.name}", run.job.runner.run
    judged = call(
        label, evaluate_candidates, pair, control.digest, run.prepared, spec, timing, run.host, run.job.context
    )
    drop = judged[taught.digest].drop.estimate
    return Estimate(0.0 - drop.value, 0.0 - drop.high, 0.0 - drop.low, drop.n)
