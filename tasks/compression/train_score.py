"""Train score: the metric of a file on some of the examples that its model was trained on, without augmentation."""

from __future__ import annotations

from tasks.core import Candidate, Context, Estimate, InputError, MetricSpec, Prepared, Runtime
from tasks.data import input_layout
from tasks.data.splits import split_strategies
from tasks.evaluation import evaluate, scoring
from tasks.evaluation.metric_choice import metric_of

MOST = 2_000
"""Most train examples on which a file is scored."""


def score_on_train(
    model: Candidate, prepared: Prepared, metric: MetricSpec, runtime: Runtime, context: Context
) -> Estimate | None:
    """The metric of an ONNX file on MOST random train examples, or all when they are fewer, with its 95 % interval.

    The same file and data give the same examples: they are spread evenly over the targets, as
    `split_strategies.sample` draws them. None where the metric is not defined on them, or an answer is not finite.

    Args:
        model: a candidate that is an ONNX file.
        prepared: the data on whose train split it was trained.
        metric: the goal's metric.
        runtime: how the file is run.
        context: its store holds the file and the data.
    """
    import numpy as np

    store = context.store
    targets = store.get_array(prepared.dataset.splits["train"].targets)
    rows = split_strategies.sample(targets, MOST, seed=0)
    inputs = input_layout.product_inputs(prepared, "train", store, rows)
    outputs, _ = evaluate.run_file(store.path(model.content), inputs, runtime)
    if not np.isfinite(outputs).all():
        return None
    try:
        found = scoring.score_products({"": outputs}, "", targets[rows], metric_of(metric), margin=0.0)
    except InputError:
        return None
    return found[""][0]
