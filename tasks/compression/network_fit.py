"""Network fit: the steps of which the training of an ensemble of networks consists."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.core import Candidate, Context, Runner
from tasks.models.model_spec import ModelSpec
from tasks.training import baseline
from tasks.training.ensembles.member_trainings import Training, trainings_of
from tasks.training.ensembles.network_average import average_networks
from tasks.training.ensembles.training_cycle import train_cycle
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs


def train_ensemble(
    model: ModelSpec, train: TrainSpec, inputs: TrainingInputs, context: Context, runner: Runner
) -> Candidate:
    """Trains every member as a step of its own, and averages them; a member that is known is not trained again.

    Args:
        model: the recipe's model, an ensemble of networks.
        train: the recipe's training.
        inputs: the data, the augmentation and the metric.
        context: the workspace, the checkpoint and the progress callback.
        runner: calls the steps.

    Raises:
        InputError: a member is wrong.
        Refusal: a member cannot be trained.
    """
    assert model.networks is not None
    trainings = trainings_of(model, train)
    names = tuple(each.name for each in trainings)
    labels = [f"train {name} of {len(names)}" for name in names]
    if model.networks.snapshots:
        members = train_snapshots(trainings, labels, inputs, context, runner)
    else:
        members = [
            runner.run(label, baseline.fit, each.model, each.train, inputs, context)
            for label, each in zip(labels, trainings, strict=True)
        ]
    return runner.run("average the members", average_networks, tuple(members), names, model.networks, inputs, context)


def train_snapshots(
    cycles: Sequence[Training], labels: Sequence[str], inputs: TrainingInputs, context: Context, runner: Runner
) -> list[Candidate]:
    """The networks at the ends of the cycles of one training; a rate that a range test chose holds for all cycles."""
    first, *others = cycles
    members = [runner.run(labels[0], baseline.fit, first.model, first.train, inputs, context)]
    tested = context.store.get_json(members[0].lineage[-1].record or "").get("rate_range")
    rate = {"learning_rate": tested["chosen"]} if tested else {}
    for label, each in zip(labels[1:], others, strict=True):
        spec = each.train.model_copy(update=rate)
        members.append(runner.run(label, train_cycle, members[-1], spec, inputs, context))
    return members
