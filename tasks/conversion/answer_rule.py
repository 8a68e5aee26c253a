"""Answer rule: how a product's answers are chosen from its probabilities, in the metadata of its file.

Without a rule the answer is the most probable class.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core import MetricSpec, Store

if TYPE_CHECKING:
    import numpy as np

THRESHOLD = "threshold"
"""Key of the metadata: `{"class": name, "value": least probability at which it is answered}`."""
COSTS = "costs"
"""Key of the metadata: what answers cost, a row for each true class and a column for each answer."""


@dataclass(frozen=True)
class AnswerRule:
    """The rule of a file of classes: a threshold on one class's probability, or costs whose expectation is least."""

    classes: tuple[str, ...]
    positive: str = ""
    threshold: float | None = None
    costs: tuple[tuple[float, ...], ...] = ()

    def answers(self, probabilities: np.ndarray) -> np.ndarray:
        """The index of each example's answer, (n,), from the probabilities (n, classes)."""
        from tasks.kernels.statistics.operating_points import answers_at, cheapest_answers

        if self.threshold is not None:
            return answers_at(probabilities, self.classes.index(self.positive), self.threshold)
        return cheapest_answers(probabilities, self.costs) if self.costs else probabilities.argmax(axis=1)

    @property
    def words(self) -> str:
        """The rule as a sentence; empty where the answer is the most probable class."""
        if self.threshold is not None:
            if self.threshold > 1:
                return f"{self.positive!r} is never answered: no threshold kept on validation what the goal asks"
            return f"{self.positive!r} is answered from a probability of {self.threshold:.4g} on, as validation chose"
        return "the answer is the one of least expected cost, by the goal's costs" if self.costs else ""


def keep_rule(content: str, metric: MetricSpec, threshold: float | None, store: Store) -> str:
    """Puts a product's rule into its file's metadata, after its threshold was chosen.

    Args:
        content: digest of the file.
        metric: the goal's metric.
        threshold: what validation chose for this file; None for a metric without an operating point.
        store: holds the file, and gets the one with the rule.

    Returns:
        Digest of the file with the rule; `content` where there is none.
    """
    from tasks.kernels.onnx import compose, description
    from tasks.kernels.onnx.serialization import load_proto

    if threshold is not None:
        rule = {THRESHOLD: json.dumps({"class": metric.label, "value": threshold}, ensure_ascii=False)}
    elif metric.costs:
        rule = {COSTS: json.dumps(metric.costs)}
    else:
        return content
    data = store.get(content)
    return store.put(compose.label(load_proto(data), description.metadata(data) | rule))


def read_rule(model: Path | bytes) -> AnswerRule:
    """The rule in a file's metadata."""
    from tasks.kernels.onnx import description

    said = description.metadata(model)
    classes = tuple(json.loads(said.get("classes", "[]")))
    if THRESHOLD in said:
        chosen = json.loads(said[THRESHOLD])
        return AnswerRule(classes, chosen["class"], chosen["value"])
    return AnswerRule(classes, costs=tuple(map(tuple, json.loads(said.get(COSTS, "[]")))))
