"""File scores: the metric of ONNX files on a split, paired with one of them; neither latency nor memory is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.compression.measure import evaluation_data, product_of
from tasks.core import Candidate, Context, Drop, Estimate, Prepared
from tasks.evaluation import engines, evaluate, scoring
from tasks.evaluation.evaluate import EvaluationSpec
from tasks.evaluation.metric_choice import metric_of


@dataclass(frozen=True)
class FileScore:
    """The score of one file."""

    score: Estimate
    drop: Drop
    """Against the reference, on the same examples."""
    bytes: int


def score_files(
    candidates: Mapping[str, Candidate],
    reference: str,
    prepared: Prepared,
    spec: EvaluationSpec,
    host: str,
    context: Context,
) -> dict[str, FileScore]:
    """Scores ONNX files on a split, each paired with a reference.

    Args:
        candidates: the files by name.
        reference: a key of `candidates`.
        prepared: the data.
        spec: the goal, the runtime, the split and the metric.
        host: this host's name, so that a cached result is valid on this host alone.
        context: its store holds the files.

    Returns:
        The scores by name.

    Raises:
        InputError: the execution provider is not installed, or the metric is not defined on the split's targets.
        Refusal: a file's outputs are not finite; the message names it.
    """
    engines.check_runtime(spec.runtime)
    examples = evaluation_data(prepared, spec.split, context.store)
    files = {name: product_of(each, name, context.store) for name, each in candidates.items()}
    outputs = {name: evaluate.run_product(file, examples.inputs, spec.runtime)[0] for name, file in files.items()}
    metric = metric_of(spec.metric)
    found = scoring.score_products(
        outputs, reference, examples.targets, metric, spec.goal.max_drop, spec.thresholds or scoring.NO_THRESHOLDS
    )
    return {name: FileScore(*found[name], file.path.stat().st_size) for name, file in files.items()}
