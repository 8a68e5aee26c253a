"""Champion reference: what a monitor compares later data with, from the test rows of the run that made the product."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.pipeline.findings import Findings
from tasks.conversion.answer_rule import read_rule
from tasks.core import MetricSpec, Prepared, Runtime, Store
from tasks.data import input_layout
from tasks.evaluation.metric_choice import metric_of
from tasks.kernels.onnx.feature_cut import cut_features
from tasks.monitoring.example_columns import answer_columns, input_columns, kind_of_examples
from tasks.monitoring.harm import row_losses
from tasks.monitoring.reference_profile import Profile, describe_columns, describe_losses

if TYPE_CHECKING:
    import numpy as np

WITHOUT = "the product has no layer before its last one, so images are compared by simple statistics alone"
MOST_REFERENCE_ROWS = 20_000
"""Test rows that are described: the last ones, which are the newest after a split by time."""


def describe_reference(findings: Findings, store: Store) -> tuple[dict[str, Any], bytes | None]:
    """The record of the product's reference (`reference_profile.Profile`): columns, answers and losses of test rows;
    and of images the product up to its last layer, where it has one."""
    product, recipe = store.path(findings.product_file), findings.recipe
    cut = cut_features(product) if kind_of_examples(product) == "images" else None
    return reference_record(product, findings.prepared, findings.metric_spec, recipe.runtime, store, cut), cut


def reference_record(
    model: Path,
    prepared: Prepared,
    metric: MetricSpec,
    runtime: Runtime,
    store: Store,
    cut: bytes | None = None,
) -> dict[str, Any]:
    """The record of a product's reference: what test rows are like, which it has not learned from.

    They are given to the product as `predict` gives the rows of a file.

    Args:
        model: the product's file.
        prepared: the data; the test split is described.
        metric: says what a row's loss is.
        runtime: how the product runs.
        store: has the data.
        cut: of images, the product up to its last layer.
    """
    import numpy as np

    from tasks.evaluation.evaluate import run_file
    from tasks.kernels.onnx import description

    split = prepared.dataset.splits["test"]
    rows = np.arange(max(0, split.count - MOST_REFERENCE_ROWS), split.count)
    names = {tensor.name for tensor in description.interface(model)[0]}
    given = input_layout.product_inputs(prepared, "test", store, rows)
    inputs = {name: values for name, values in given.items() if name in names}
    outputs, _ = run_file(model, inputs, runtime)
    losses = row_losses(metric_of(metric), outputs, store.get_array(split.targets)[rows])
    profile = Profile(
        columns=describe_columns(input_columns(model, inputs, cut)),
        answers=describe_columns(product_answers(model, outputs)),
        loss=describe_losses(losses) if len(losses) > 1 else None,
        metric=metric,
        features=WITHOUT if cut is None and kind_of_examples(model) == "images" else "",
    )
    return {**profile.record, "metric": metric.record}


def product_answers(model: Path, outputs: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of a product's answers, as the rule in its file chooses them."""
    import numpy as np

    from tasks.kernels.statistics.class_metrics import log_softmax

    rule = read_rule(model)
    chosen = rule.answers(np.exp(log_softmax(outputs))) if rule.classes else None
    return answer_columns(outputs, rule.classes, chosen)
