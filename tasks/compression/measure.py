"""Measurement step: evaluates candidates that are ONNX files on one split of the data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tasks.core import (
    Candidate,
    Context,
    Dataset,
    InputError,
    Latency,
    MetricSpec,
    Parity,
    Prepared,
    RunProfile,
    Runtime,
    Scorecard,
    SplitName,
    Store,
)
from tasks.data import input_layout
from tasks.evaluation import evaluate, run_profile
from tasks.evaluation.evaluate import EvaluationData, EvaluationSpec, Product
from tasks.evaluation.groups import Group
from tasks.evaluation.metric_choice import metric_of
from tasks.evaluation.parity import parity_of
from tasks.evaluation.references import constant_outputs, positive_outputs
from tasks.training.simple_model import simple_outputs

SCORE = 0.01
"""Largest difference of the baseline's score between its training and its file, as a share of it."""


def evaluate_candidates(
    candidates: Mapping[str, Candidate],
    baseline: str,
    prepared: Prepared,
    spec: EvaluationSpec,
    timing: Mapping[str, Latency] | None,
    host: str,
    context: Context,
) -> dict[str, Scorecard]:
    """Evaluates ONNX files on a split, and measures their latencies interleaved, on this host.

    Args:
        candidates: the candidates by the name that their scorecards show.
        baseline: digest of the candidate with which the others are compared; one of `candidates`.
        prepared: the data.
        spec: the goal, the runtime and the split.
        timing: latencies by digest, if they were measured before; None measures them.
        host: this host's name, so that a cached result is valid on this host alone.
        context: its store holds the files; its progress is called.

    Returns:
        The scorecards by candidate digest.

    Raises:
        InputError: the execution provider is not installed, the metric is not defined on the split's targets, or the
            baseline's file does not score on validation as its training did.
        Refusal: a file's outputs are not finite; the message names it.
    """
    products = {each.digest: product_of(each, name, context.store) for name, each in candidates.items()}
    examples = judging_data(prepared, spec, context.store)
    cards = evaluate.evaluate(products, baseline, examples, spec, timing=timing, progress=context.progress)
    if spec.split == "validation":
        model = next(each for each in candidates.values() if each.digest == baseline)
        check_training_score(model, cards[baseline], spec.metric, prepared, context.store)
    return cards


def profile_product(
    baseline: Candidate,
    product: Candidate,
    prepared: Prepared,
    runtime: Runtime,
    example_ms: float,
    host: str,
    context: Context,
) -> RunProfile:
    """How baseline and product run at other batches, at first, and in memory (`run_profile.profile_files`).

    Args:
        baseline: the baseline's file.
        product: the product's file, which may be the same.
        prepared: the data, of which validation is used.
        runtime: the recipe's.
        example_ms: milliseconds of the baseline for one example.
        host: this host's name, so that a cached result is valid on this host alone.
        context: its store holds the files.
    """
    store = context.store
    inputs = input_layout.product_inputs(prepared, "validation", store)
    named = {"baseline": baseline} | ({product.name: product} if product.digest != baseline.digest else {})
    files = {name: store.path(each.content) for name, each in named.items()}
    return run_profile.profile_files(files, inputs, runtime, example_ms)


def check_training_score(
    baseline: Candidate, card: Scorecard, spec: MetricSpec, prepared: Prepared, store: Store
) -> None:
    """Checks that the baseline's file scores on validation as the network did at the best epoch of its training.

    Both may differ by SCORE of the score and, for the rounding of the two, by two examples of all, or in a regression
    by SCORE of the targets' deviation.

    Raises:
        InputError: they differ by more. A baseline that was not trained here passes, and so does an operating point or
            the user's own metric.
    """
    first = baseline.lineage[0]
    if first.technique != "train" or first.record is None or first.knobs["metric"] != spec.record:
        return
    metric = metric_of(spec)
    if metric.point is not None or not any(map(math.isfinite, metric.bounds)):
        return  # a chosen threshold, or the user's own function, may jump where an answer changes by its rounding
    record = store.get_json(first.record)
    trained = next(each["validation_score"] for each in record["curve"] if each["number"] == record["best_epoch"])
    rounding = 2 * metric.scale(1.0) / card.score.n
    target = store.get_json(prepared.fitted).get("target")
    if target and card.metric in ("rmse", "mae", "quantile_loss"):
        rounding = SCORE * target.get("deviation", target["std"])
    if abs(trained - card.score.value) > SCORE * abs(trained) + rounding:
        scores = f"scores {trained:.4g} on validation ({metric.title}) at the end of its training"
        law = f"{scores}, but {card.score.value:.4g} as a file, so the file is not what was trained"
        raise InputError(law, path="model.factory")


def product_of(candidate: Candidate, name: str, store: Store) -> Product:
    """A candidate's ONNX file as a product, with the parity of every conversion in its lineage."""
    return product_of_file(store.path(candidate.content), name, candidate.digest, parity_of(candidate, store))


def product_of_file(file: Path, name: str, candidate: str = "", parity: tuple[Parity, ...] = ()) -> Product:
    """An ONNX file as a product; without a candidate's digest it goes by its name."""
    return Product(candidate or name, name, file, parity)


def judging_data(prepared: Prepared, spec: EvaluationSpec, store: Store) -> EvaluationData:
    """The raw inputs and targets of a split; of test also the simpler answers beside which the baseline is judged.

    The threshold of an operating point is chosen on train for the constant answer, on validation for the simple model.
    """
    import numpy as np

    from tasks.kernels.statistics.operating_points import choose_threshold

    dataset, examples = prepared.dataset, evaluation_data(prepared, spec.split, store)
    if spec.split != "test":
        return examples
    targets = store.get_array(dataset.splits["train"].targets)
    constant = constant_outputs(targets, dataset.classes, spec.metric)
    simpler = dict([constant]) | positive_outputs(dataset.classes, spec.metric)
    simpler |= dict(filter(None, [simple_outputs(prepared, spec.split, store)]))
    point = metric_of(spec.metric).point
    if point is None:
        return replace(examples, references=simpler)
    seen = [(*constant, targets)]
    if (model := simple_outputs(prepared, "validation", store)) is not None:
        seen.append((*model, store.get_array(dataset.splits["validation"].targets)))
    chosen = {
        name: choose_threshold(np.broadcast_to(found, (len(of), found.shape[-1])), of, point)
        for name, found, of in seen
    }
    return replace(examples, references=simpler, reference_thresholds=chosen)


def evaluation_data(prepared: Prepared, split: SplitName, store: Store) -> EvaluationData:
    """The raw inputs, the targets and the groups of a split, as products take them."""
    inputs, targets = input_layout.product_inputs(prepared, split, store), prepared.dataset.splits[split].targets
    return EvaluationData(inputs, store.get_array(targets), groups=groups_of_split(prepared.dataset, split, store))


def groups_of_split(dataset: Dataset, split: SplitName, store: Store) -> tuple[Group, ...]:
    """All groups of the data set, column by column, with their examples in a split; none without `data.groups`."""
    import numpy as np

    digest = dataset.splits[split].groups
    if not digest:
        return ()
    frame = store.get_frame(digest)
    return tuple(
        Group(str(column), value, np.flatnonzero(values == value))
        for column, values in frame.items()
        for value in values.cat.categories
    )
