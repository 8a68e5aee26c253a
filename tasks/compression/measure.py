"""Measuring: candidates that are ONNX files, as products on a split of the data."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.core import Candidate, Context, Latency, Prepared, Scorecard, SplitName, Store
from tasks.data import preprocessing
from tasks.evaluation import evaluate
from tasks.evaluation.evaluate import EvaluationSpec, Examples, Product
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
    """Scorecards by candidate digest, all measured on the files, side by side, on this host.

    Args:
        candidates: by the name that their scorecards show.
        baseline: the digest of the candidate that the others are held against.
        timing: latencies that were measured before, by digest; None measures them.
        host: this host's name, so that a cached answer belongs to one.

    Raises:
        InputError: the provider is not there, or the metric is not defined on the split's targets.
        Refusal: a file's outputs are not finite; the sentence names it.
    """
    products = {each.digest: product_of(each, name, context.store) for name, each in candidates.items()}
    examples = examples_of(prepared, spec.split, context.store)
    return evaluate.evaluate(products, baseline, examples, spec, timing=timing, progress=context.progress)


def product_of(candidate: Candidate, name: str, store: Store) -> Product:
    """A candidate's file, with every hop that its form has been through."""
    return Product(candidate.digest, name, store.path(candidate.content), parity_of(candidate, store))


def examples_of(prepared: Prepared, split: SplitName, store: Store) -> Examples:
    """A split as products take it."""
    inputs = preprocessing.product_inputs(prepared.dataset, split, store)
    return Examples(inputs, store.get_array(prepared.dataset.splits[split].targets))
