"""Option choice: the best of several ways to transfer a network, where it is better beyond noise on validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tasks.core import Candidate, Context, Estimate, Step
from tasks.evaluation.metric_choice import metric_of
from tasks.evaluation.scoring import score_products
from tasks.models.factory import build_network
from tasks.training.training_data import TrainingData, TrainingInputs, load_training_data

if TYPE_CHECKING:
    import numpy as np

CHOICE = "transfer"
"""Name of the step of a lineage in which an option was chosen; its record has `options`."""


def choose_option(
    options: Mapping[str, Candidate], late: Sequence[str], inputs: TrainingInputs, context: Context
) -> Candidate:
    """The first candidate, unless a later one is better on validation beyond noise.

    Each later one is compared with the best before it, on the same examples: it takes its place where the 95 % interval
    of the paired difference is above zero. A training keeps the epoch that validation likes best, so on few examples
    its score is too high; the interval does not forgive that.

    Its last step has the record of its training, and all options with their scores, minutes and gains.

    Args:
        options: mode of `model.transfer` → what it gave, the cheapest first.
        late: modes that were not begun, since the time was over.
        inputs: the data and the metric.
        context: its store has the records, and gets the new one.
    """
    store, data = context.store, load_training_data(inputs, context)
    records = {mode: store.get_json(candidate.lineage[-1].record or "") for mode, candidate in options.items()}
    outputs = {mode: validation_outputs(candidate, data, context) for mode, candidate in options.items()}
    best, *later = options
    gains: dict[str, dict[str, Any]] = {}
    for mode in later:
        drop = paired_drop(outputs[best], outputs[mode], data)
        value, low, high = (0.0 - each for each in (drop.value, drop.high, drop.low))  # no -0.0
        gains[mode] = {"over": best, "value": value, "low": low, "high": high}
        best = mode if low > 0 else best
    told = [
        {"mode": mode, "score": validation_score(records[mode]), "minutes": records[mode]["minutes"]}
        | ({"gain": gains[mode]} if mode in gains else {})
        for mode in options
    ]
    record = {**records[best], "options": told, "late": list(late)}
    chosen = options[best]
    step = Step(CHOICE, 2, {"mode": best}, None, store.put_json(record), chosen.digest)
    return chosen.after(step, chosen.content)


def paired_drop(before: np.ndarray, after: np.ndarray, data: TrainingData) -> Estimate:
    """What the metric loses on validation from one network's outputs to another's, with its 95 % interval."""
    from tasks.kernels.statistics.target_map import in_data_unit

    metric, targets = metric_of(data.metric), data.validation_targets.cpu().numpy()
    outputs = {"before": before, "after": after}
    if metric.task == "regression":
        targets = in_data_unit(targets, data.target)
        outputs = {name: in_data_unit(found, data.target) for name, found in outputs.items()}
    return score_products(outputs, "before", targets, metric, 0.0)["after"][1].estimate


def validation_outputs(candidate: Candidate, data: TrainingData, context: Context) -> np.ndarray:
    """What a trained network answers to the validation examples, (count, outputs)."""
    from tasks.kernels.training.loops import predict_all

    network = build_network(candidate.factory, candidate.arguments)
    network.load_state_dict(context.store.get_state(candidate.content))
    network.to(context.workspace.device)
    found: np.ndarray = predict_all(network, data.validation_inputs, data.transform).cpu().numpy()
    return found


def validation_score(record: Mapping[str, Any]) -> float:
    """The metric on validation that the record of a training has, of its best epoch."""
    if "curve" not in record:
        return float(record["validation"])
    best = next(each for each in record["curve"] if each["number"] == record["best_epoch"])
    return float(best["validation_score"])
