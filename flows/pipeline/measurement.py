"""Measurement: the scorecards of a run, on validation for every stage and on test once; and what augmentation gains."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence

from flows.pipeline.branches import export_stage
from flows.pipeline.engines.engine_branches import float_files
from flows.pipeline.findings import BranchResult, StepGain
from flows.pipeline.run_context import RunContext
from tasks.compression.measure import evaluate_candidates, profile_product
from tasks.compression.train_score import score_on_train
from tasks.core import Candidate, Dataset, Estimate, Latency, RunProfile, Scorecard, SplitName
from tasks.data.augmentation import AugmentStep
from tasks.evaluation.evaluate import EvaluationSpec
from tasks.evaluation.metric_choice import metric_spec
from tasks.report.training_text import Fitted
from tasks.training import baseline
from tasks.training.ensembles.network_average import TECHNIQUE as AVERAGE

TWIN_SEEDS = 5
"""Seeds with which the network is trained with and without each step of the augmentation."""
T95 = 2.776
"""Student's t for the 95 % interval of a mean of so many values."""
FITTED: Mapping[str, Fitted] = {
    "linear": "linear",
    "hist_boosting": "boosting",
    "lightgbm": "boosting",
    "xgboost": "boosting",
}
"""Simple families of which train and validation are compared."""


def measure_stages(
    label: str, results: tuple[BranchResult, ...], run: RunContext, may_win: bool = False
) -> dict[str, Scorecard]:
    """Validation scorecards of every different stage, by the digest of its ONNX candidate, all measured side by side.

    They are timed until the verdicts on the products and the choice among them are decided.

    Args:
        label: the step's label for display.
        results: branch results; the baseline's is among them.
        run: what the branches of the run have in common.
        may_win: whether the baseline itself may meet the goal (`select`).
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
    contenders = [result.product.digest for result in results if result.product and result.role == "candidate"]
    spec = dataclasses.replace(
        _spec("validation", run),
        contenders=tuple(dict.fromkeys(contenders)),
        baseline_may_win=may_win,
        floats=float_files(results, run.baseline.exported),
    )
    return _evaluate(label, candidates, spec, None, run)


def measure_again(chosen: Candidate, thresholds: Mapping[str, float | None], run: RunContext) -> dict[str, Scorecard]:
    """Scorecards of the run's baseline and of a file, both fitted again, with their latencies, by digest.

    Their scores have no meaning, since the models were fitted on validation.

    Args:
        chosen: the file.
        thresholds: digest → where it says yes, as validation chose for the model that it was before.
        run: its baseline is the one that was fitted again.
    """
    files = {chosen.name: chosen} | {"baseline": run.baseline.exported}
    measured = _evaluate("measure what was fitted again", files, _spec("validation", run), None, run)
    return {digest: dataclasses.replace(card, threshold=thresholds[digest]) for digest, card in measured.items()}


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
    spec = dataclasses.replace(_spec("test", run), thresholds=thresholds)
    return _evaluate("test once", candidates, spec, timing, run)


def _evaluate(
    label: str,
    candidates: dict[str, Candidate],
    spec: EvaluationSpec,
    timing: dict[str, Latency] | None,
    run: RunContext,
) -> dict[str, Scorecard]:
    reference, call = run.baseline.exported.digest, run.job.runner.run
    return call(
        label, evaluate_candidates, candidates, reference, run.prepared, spec, timing, run.host, run.job.context
    )


def _spec(split: SplitName, run: RunContext) -> EvaluationSpec:
    metric = metric_spec(run.recipe.goal, run.prepared.dataset)
    return EvaluationSpec(run.recipe.goal, run.recipe.runtime, split, metric)


def profile_run(product: Candidate, cards: Mapping[str, Scorecard], run: RunContext) -> RunProfile:
    """How the baseline and the product run beside the recipe's own batch.

    Args:
        product: the product, which may be the baseline.
        cards: scorecards by digest; the baseline's is among them.
        run: what the branches of the run have in common.
    """
    baseline, runtime = run.baseline.exported, run.recipe.runtime
    example_ms = cards[baseline.digest].latency.median_ms / runtime.batch
    given = baseline, product, run.prepared, runtime, example_ms, run.host, run.job.context
    return run.job.runner.run("measure batches and first runs", profile_product, *given)


def kind_of_fit(model: Candidate, dataset: Dataset) -> Fitted | None:
    """What of the baseline was trained here, so that train and validation can be compared.

    None for a model that others trained, and for those that know their train rows by heart by their nature: forests,
    neighbours, and ensembles and estimators that may have such.
    """
    techniques = {step.technique: step for step in model.lineage}
    if techniques.keys() & {"train", "fine_tune", AVERAGE}:
        return "network of a table" if dataset.kind == "table" else "network"
    if "features" in techniques:
        return "last layer"
    return FITTED.get(str(techniques["fit"].knobs.get("family"))) if "fit" in techniques else None


def score_baseline(run: RunContext) -> Estimate | None:
    """The baseline's metric on some of the train examples, beside which that on validation is judged; else None."""
    model = run.baseline.exported
    if kind_of_fit(model, run.prepared.dataset) is None:
        return None
    metric = metric_spec(run.recipe.goal, run.prepared.dataset)
    given = model, run.prepared, metric, run.recipe.runtime, run.job.context
    return run.job.runner.run("score the baseline on train", score_on_train, *given)


def judge_augmentation(cards: Mapping[str, Scorecard], run: RunContext) -> tuple[StepGain, ...]:
    """What each step of the augmentation gains on validation, where the recipe asks for it; otherwise nothing.

    The baseline's training is repeated with TWIN_SEEDS seeds, whole and without each step.

    Args:
        cards: the validation scorecards; the baseline's is among them.
        run: what the branches of the run have in common.
    """
    if not run.recipe.report.augmentations:
        return ()
    timing = cards[run.baseline.exported.digest].latency
    first = run.recipe.train.seed
    drops = [_drops_without(seed, timing, run) for seed in range(first, first + TWIN_SEEDS)]
    return tuple(StepGain(place, mean_of_seeds(each)) for place, each in enumerate(zip(*drops, strict=True)))


def mean_of_seeds(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of TWIN_SEEDS estimates on the same examples, with the noise of the examples and that of the seeds."""
    values = [each.value for each in estimates]
    mean, noise = statistics.mean(values), T95 * statistics.stdev(values) / math.sqrt(len(values))
    below = statistics.mean(each.value - each.low for each in estimates)
    above = statistics.mean(each.high - each.value for each in estimates)
    return Estimate(mean, mean - math.hypot(below, noise), mean + math.hypot(above, noise), estimates[0].n)


def _drops_without(seed: int, timing: Latency, run: RunContext) -> list[Estimate]:
    """How much worse the network is without each step of the augmentation, trained with this seed."""
    steps = run.recipe.augment
    is_first = seed == run.recipe.train.seed
    whole = run.baseline.exported if is_first else _train_twin(f"seed {seed}", steps, seed, run)
    twins = [
        _train_twin(f"seed {seed} without {step.step}", steps[:place] + steps[place + 1 :], seed, run)
        for place, step in enumerate(steps)
    ]
    named = {"whole": whole, **{f"without step {place}": twin for place, twin in enumerate(twins)}}
    spec = _spec("validation", run)
    times = {each.digest: timing for each in named.values()}  # of no interest here
    given = named, whole.digest, run.prepared, spec, times, run.host, run.job.context
    judged = run.job.runner.run(f"compare augmentations, seed {seed}", evaluate_candidates, *given)
    return [judged[twin.digest].drop.estimate for twin in twins]


def _train_twin(label: str, steps: tuple[AugmentStep, ...], seed: int, run: RunContext) -> Candidate:
    """The baseline's network, trained with this augmentation and seed, as an ONNX file."""
    inputs = dataclasses.replace(run.job.inputs(run.prepared), augment=steps)
    train = run.recipe.train.model_copy(update={"seed": seed})
    given = run.recipe.model, train, inputs, run.job.context
    model = run.job.runner.run(f"train: {label}", baseline.fit, *given)
    return export_stage(model, label, run.prepared, run.job)
