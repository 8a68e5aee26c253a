"""Network average: trained networks become one, with weights and with what it gains over its best member."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.core import Candidate, Context, Estimate, MetricSpec, Step, Store
from tasks.evaluation.metric_choice import metric_of
from tasks.evaluation.scoring import score_products
from tasks.kernels.host.measurement_lock import shared_use
from tasks.models import weight_files
from tasks.models.ensembles.averaged import AVERAGED, described
from tasks.models.ensembles.network_members import NetworkEnsemble
from tasks.models.factory import build_network
from tasks.training.reloading import store_network
from tasks.training.training_data import TrainingData, TrainingInputs, load_training_data

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

TECHNIQUE = "average"
"""Name of the step of a lineage in which networks became one; its record has `members` and `gain`."""


@dataclass(frozen=True)
class MemberAnswers:
    """What the members of an ensemble answer for the validation split, and how much their average gains there."""

    scores: tuple[float, ...]
    """The metric of each member, in its own unit."""
    score: float
    """That of the average."""
    best: int
    """Place of the best member."""
    gain: Estimate
    """How much better the average is than the best member, paired on the same examples; above 0 is better."""


@shared_use()
def average_networks(
    members: tuple[Candidate, ...],
    names: tuple[str, ...],
    ensemble: NetworkEnsemble,
    inputs: TrainingInputs,
    context: Context,
) -> Candidate:
    """Averages trained networks; a member whose fitted weight is 0 is left out.

    Args:
        members: torch networks that were trained on these data.
        names: each in a few words.
        ensemble: what is averaged, and whether weights are fitted.
        inputs: the data and the metric.
        context: its store has the members and gets the average.

    Returns:
        A torch candidate. Its record has the parity, each member's weight, score on validation and minutes, and what
        the average gains over the best of them there.

    Raises:
        InputError: the average answers otherwise once it is loaded.
    """
    started, store = time.monotonic(), context.store
    data = load_training_data(inputs, context)
    networks = [load_member(each, store) for each in members]
    classes = len(inputs.prepared.dataset.classes)
    average = ensemble.average if classes else "logits"
    answers = [answers_of(network.to(context.workspace.device), data) for network in networks]
    weights = weights_of(ensemble, answers, data.validation_targets, classes)
    judged = judge_members(answers, weights, average, data)
    kept = [place for place, weight in enumerate(weights) if weight]
    made = (
        AVERAGED,
        described(
            [(members[place].factory, members[place].arguments) for place in kept],
            [weights[place] for place in kept],
            average,
        ),
    )
    network = build_network(*made)
    for own, place in zip(network.get_submodule("members").children(), kept, strict=True):
        own.load_state_dict(networks[place].state_dict())
    content, parity = store_network(network, build_network(*made), inputs.prepared, store)
    told = member_rows(members, names, weights, judged, store)
    record = {
        "parity": parity,
        "members": told,
        "average": average,
        "validation": judged.score,
        "best_member": names[judged.best],
        "gain": vars(judged.gain),
        "minutes": sum(each["seconds"] for each in told) / 60 + (time.monotonic() - started) / 60,
    }
    knobs = {**ensemble.model_dump(mode="json"), **inputs.knobs, "networks": [each.digest for each in members]}
    step = Step(TECHNIQUE, 1, knobs, None, store.put_json(record), None)
    return weight_files.begin_candidate("baseline", *made, step, content)


def load_member(member: Candidate, store: Store) -> nn.Module:
    """A trained network from the store, in evaluation mode."""
    network = build_network(member.factory, member.arguments)
    network.load_state_dict(store.get_state(member.content))
    return network


def answers_of(network: nn.Module, data: TrainingData) -> Tensor:
    """What a network answers for the validation split, (examples, outputs), on the processor."""
    from tasks.kernels.training import loops

    return loops.predict_all(network, data.validation_inputs, data.transform).float().cpu()


def weights_of(ensemble: NetworkEnsemble, answers: Sequence[Tensor], targets: Tensor, classes: int) -> list[float]:
    """The weight of each member: equal, or with the least squared error of their probabilities or predictions."""
    from tasks.models.estimators.ensemble_weights import fit_average

    if ensemble.weights == "equal":
        return [1 / len(answers)] * len(answers)
    shares = [(answer.softmax(1) if classes else answer.reshape(-1, 1)).double().numpy() for answer in answers]
    return [float(weight) for weight in fit_average(shares, targets.cpu().numpy(), classes).weights]


def judge_members(
    answers: Sequence[Tensor], weights: Sequence[float], average: str, data: TrainingData
) -> MemberAnswers:
    """The scores of members and of their average on the validation split, and the gain over the best member.

    Args:
        answers: of each member, (examples, outputs).
        weights: one for each.
        average: `probabilities` or `logits`.
        data: the targets, their unit and the metric.
    """
    from tasks.kernels.statistics.target_map import in_data_unit
    from tasks.kernels.training.averaged_network import average_answers

    kept = [(answer, weight) for answer, weight in zip(answers, weights, strict=True) if weight]
    joined = average_answers([each[0] for each in kept], [each[1] for each in kept], average == "probabilities")
    found: list[np.ndarray] = [each.numpy() for each in (*answers, joined)]
    targets = data.validation_targets.cpu().numpy()
    metric = metric_of(data.metric)
    if metric.task == "regression":
        found, targets = [in_data_unit(each, data.target) for each in found], in_data_unit(targets, data.target)
    scores = [float(metric.value(each, targets)) for each in found]
    best = max(range(len(answers)), key=lambda place: metric.oriented(scores[place]))
    gain = paired_gain(found[-1], found[best], targets, data.metric)
    return MemberAnswers(tuple(scores[:-1]), scores[-1], best, gain)


def paired_gain(found: np.ndarray, other: np.ndarray, targets: np.ndarray, metric: MetricSpec) -> Estimate:
    """How much better one network's answers are than another's on the same examples; above 0 is better."""
    scored = score_products({"other": other, "own": found}, "other", targets, metric_of(metric), 0.0)
    drop = scored["own"][1].estimate
    return Estimate(0.0 - drop.value, 0.0 - drop.high, 0.0 - drop.low, drop.n)


def member_rows(
    members: Sequence[Candidate], names: Sequence[str], weights: Sequence[float], judged: MemberAnswers, store: Store
) -> list[dict[str, Any]]:
    """The name, weight, score on validation and seconds of training of each member, for the record."""
    records = [store.get_json(member.lineage[-1].record or "") for member in members]
    rows = zip(names, weights, judged.scores, records, strict=True)
    return [
        {"family": name, "weight": weight, "validation": score, "seconds": 60 * record["minutes"]}
        for name, weight, score, record in rows
    ]
