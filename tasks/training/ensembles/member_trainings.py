"""Member trainings: the network and the training of each member of an ensemble."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.core import InputError
from tasks.models.ensembles.network_members import NetworkMember
from tasks.models.model_spec import ModelSpec
from tasks.training.train_spec import TrainSpec

PLACE = "model.ensemble"


@dataclass(frozen=True)
class Training:
    """What a network is, and how it is trained."""

    name: str
    """In a few words, for display."""
    model: ModelSpec
    """Without an ensemble."""
    train: TrainSpec


def trainings_of(model: ModelSpec, train: TrainSpec) -> list[Training]:
    """The training of each member of an ensemble of networks, in order; snapshots have one for each cycle.

    Trials of a search have become members when they are known; before that, they are the recipe's own network.

    Raises:
        InputError: the epochs are fewer than the snapshots, or the training has no cycles.
        ValidationError: a setting of a member's `train` is wrong.
    """
    assert model.networks is not None
    alone = model.model_copy(update={"ensemble": None})
    if model.networks.members is None:
        count = model.networks.snapshots
        return cycles_of(alone, train, count) if count else [Training("a trial", alone, train)]
    members = model.networks.members
    return [
        member_training(member, members[:place].count(member), alone, train, f"member {place + 1}")
        for place, member in enumerate(members)
    ]


def member_training(member: NetworkMember, equal: int, model: ModelSpec, train: TrainSpec, name: str) -> Training:
    """The training of a member.

    Args:
        member: the member's own settings.
        equal: how many members before it are the same; they have other seeds.
        model: the recipe's model, without an ensemble.
        train: the recipe's training.
        name: the member in a few words.

    Raises:
        ValidationError: a setting of its `train` is wrong.
    """
    if member.family is None and member.factory is None:
        own = model.model_copy(update={"arguments": {**model.arguments, **member.arguments}})
    else:
        knobs = {"family": member.family, "factory": member.factory, "output": member.output}
        own = ModelSpec(
            arguments=member.arguments, **{name: value for name, value in knobs.items() if value is not None}
        )
    seed = train.seed + equal if member.seed is None else member.seed
    said = {name: getattr(train, name) for name in train.model_fields_set}
    title = (own.factory or own.family or "").rpartition(":")[2]
    return Training(f"{name}: {title}" if title else name, own, TrainSpec(**{**said, **member.train, "seed": seed}))


def cycles_of(model: ModelSpec, train: TrainSpec, count: int) -> list[Training]:
    """The cycles of one training, each as a training of its own that goes on from the one before it.

    Every cycle ends with its last epoch, has its share of epochs and minutes, and its own shuffling.

    Raises:
        InputError: the epochs are fewer than the cycles, the rate does not fall, or it changes in given epochs.
    """
    if count > train.epochs:
        law = f"must be at most train.epochs, which is {train.epochs}: each snapshot ends a cycle of epochs"
        raise InputError(
            law, path=f"{PLACE}.snapshots", value=count, nearest=train.epochs if train.epochs > 1 else None
        )
    if train.schedule == "constant":
        law = "must fall to its end where snapshots are taken at the end of each cycle"
        raise InputError(law, path="train.schedule", value="constant", nearest="cosine")
    for name in ("changes", "unfreeze"):
        if value := getattr(train, name):
            law = "must be left out beside model.ensemble.snapshots, whose cycles count their own epochs"
            raise InputError(law, path=f"train.{name}", value=value if name == "unfreeze" else None)
    minutes = None if train.minutes is None else train.minutes / count
    cycles = []
    for place in range(count):
        epochs = (place + 1) * train.epochs // count - place * train.epochs // count
        update = {"epochs": epochs, "minutes": minutes, "early_stopping": None, "seed": train.seed + place}
        cycles.append(Training(f"snapshot {place + 1}", model, train.model_copy(update=update)))
    return cycles
