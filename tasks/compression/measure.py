"""Measurement step: evaluates candidates that are ONNX files on one split of the data."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.core import Candidate, Context, Latency, Prepared, Scorecard, SplitName, Store
from tasks.data import preprocessing
from tasks.evaluation import evaluate
from tasks.evaluation.evaluate import EvaluationData, EvaluationSpec, Product
from tasks.evaluation.parity import parity_of


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
        InputError: the execution provider is not installed, or the metric is not defined on the split's targets.
        Refusal: a file's outputs are not finite; the message names it.
    """
    products = {each.digest: product_of(each, name, context.store) for name, each in candidates.items()}
    examples = evaluation_data(prepared, spec.split, context.store)
    return evaluate.evaluate(products, baseline, examples, spec, timing=timing, progress=context.progress)


def product_of(candidate: Candidate, name: str, store: Store) -> Product:
    """A candidate's ONNX file as a product, with the parity of every conversion in its lineage."""
    return Product(candidate.digest, name, store.path(candidate.content), parity_of(candidate, store))


def evaluation_data(prepared: Prepared, split: SplitName, store: Store) -> EvaluationData:
    """The raw inputs and the targets of a split, as products take them."""
    inputs = preprocessing.product_inputs(prepared.dataset, split, store)
    return EvaluationData(inputs, store.get_array(prepared.dataset.splits[split].targets))
