"""Option choice: the best of several ways to transfer a network, by their scores on the validation split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.core import Candidate, MetricSpec, Step, Store
from tasks.evaluation.metric_choice import metric_of

CHOICE = "transfer"
"""Name of the step of a lineage in which an option was chosen; its record has `options`."""


def choose_option(options: Mapping[str, Candidate], late: Sequence[str], metric: MetricSpec, store: Store) -> Candidate:
    """The candidate with the best score on validation; between equal scores, the first one.

    Its last step has the record of its training, and all options with their scores and minutes.

    Args:
        options: mode of `model.transfer` → what it gave, the cheapest first.
        late: modes that were not begun, since the time was over.
        metric: the metric of the scores.
        store: has the records, and gets the new one.
    """
    records = {mode: store.get_json(candidate.lineage[-1].record or "") for mode, candidate in options.items()}
    scores = {mode: validation_score(record) for mode, record in records.items()}
    oriented = metric_of(metric).oriented
    best = max(scores, key=lambda mode: oriented(scores[mode]))
    told = [{"mode": mode, "score": scores[mode], "minutes": records[mode]["minutes"]} for mode in options]
    record = {**records[best], "options": told, "late": list(late)}
    chosen = options[best]
    step = Step(CHOICE, 1, {"mode": best}, None, store.put_json(record), chosen.digest)
    return chosen.after(step, chosen.content)


def validation_score(record: Mapping[str, Any]) -> float:
    """The metric on validation that the record of a training has, of its best epoch."""
    if "curve" not in record:
        return float(record["validation"])
    best = next(each for each in record["curve"] if each["number"] == record["best_epoch"])
    return float(best["validation_score"])
