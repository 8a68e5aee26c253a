"""Network members: the spec of an ensemble of networks."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from tasks.core import InputError, Spec
from tasks.models.family_names import NETWORKS, NetworkFamily

LEAST = 2
"""Members of the smallest ensemble."""
MOST = 100
"""Members of the largest ensemble."""


def _no_simple_model(family: Any) -> Any:
    if not isinstance(family, str) or family in NETWORKS:
        return family
    law = f"must be {' or '.join(NETWORKS)}, or left out: an ensemble has networks or simple models, not both"
    raise ValueError(InputError(law, value=family))


def _several(count: Any) -> Any:
    if isinstance(count, bool) or not isinstance(count, int) or count >= LEAST:
        return count
    raise ValueError(InputError(f"must be at least {LEAST}: one network is no ensemble", value=count, nearest=LEAST))


Several = Annotated[int, BeforeValidator(_several), Field(le=MOST)]


class NetworkMember(Spec):
    """One of the networks of an ensemble; what it leaves out is as in the recipe's `model` and `train`."""

    family: Annotated[NetworkFamily, BeforeValidator(_no_simple_model)] | None = None
    """The kind of network for a table."""
    factory: str | None = None
    """`module:callable`, as `model.factory`. With neither, it is the recipe's own network."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the factory or the family; those of `model.arguments` are added where it is the recipe's own."""
    output: int | str | None = None
    """Which output of a network that answers with several, as `model.output`."""
    train: dict[str, Any] = Field(default_factory=dict)
    """Settings of `train` that are otherwise for this member, for example its `learning_rate`."""
    seed: int | None = Field(default=None, ge=0)
    """Seed of its weights and of its training. Absent: that of `train`, and the next one for each equal member."""

    @model_validator(mode="after")
    def _one_network(self) -> Self:
        if self.family is not None and self.factory is not None:
            law = f"must be left out beside family, which is {self.family}"
            raise ValueError(InputError(law, path="factory", value=self.factory))
        if "seed" in self.train:
            raise ValueError(InputError("must be left out: the member's own seed says it", path="train.seed"))
        return self


def _counted(members: Any) -> Any:
    """The members that a number stands for; anything else as it is."""
    if isinstance(members, (list, tuple)) or members is None:
        return members
    if isinstance(members, bool) or not isinstance(members, int) or members > MOST:
        raise ValueError(InputError(f"must be a number from {LEAST} to {MOST}, or a list of members", value=members))
    return [{} for _ in range(_several(members))]


Members = Annotated[
    tuple[NetworkMember, ...],
    Field(min_length=LEAST, max_length=MOST),
    BeforeValidator(_counted, json_schema_input_type=int | tuple[NetworkMember, ...]),
]


class NetworkEnsemble(Spec):
    """Several networks with one answer: of several seeds or architectures, snapshots of one training, or trials."""

    kind: Literal["average"] = "average"
    """How the answers become one."""
    average: Literal["probabilities", "logits"] = "probabilities"
    """What is averaged: the probabilities of classes, or what stands before the softmax. Of a regression it is the
    predictions."""
    members: Members | None = None
    """How many networks are trained, each with the next seed; or the networks themselves."""
    snapshots: Several | None = None
    """How many networks one training gives: its epochs are divided into so many cycles, each of which begins at the
    highest learning rate, and the network at the end of each cycle is a member."""
    trials: Several | None = None
    """How many of the best trials of the recipe's `search` are members."""
    weights: Literal["equal", "fitted"] = "equal"
    """`fitted` weighs the members so that the squared error of the average on validation is least."""

    @model_validator(mode="after")
    def _says_the_members(self) -> Self:
        named = [name for name in ("members", "snapshots", "trials") if getattr(self, name) is not None]
        if not named:
            law = "must say the members: their number, a list, snapshots of one training, or trials of the search"
            raise ValueError(InputError(law, nearest="members: 3"))
        if len(named) > 1:
            law = f"must be left out beside {named[0]}, which says the members already"
            raise ValueError(InputError(law, path=named[1], value=getattr(self, named[1])))
        if self.weights == "fitted" and self.average == "logits":
            law = "must be probabilities where weights are fitted: their error is that of probabilities"
            raise ValueError(InputError(law, path="average", value="logits", nearest="probabilities"))
        return self

    @model_validator(mode="after")
    def _members_differ(self) -> Self:
        listed = self.members or ()
        for place, member in enumerate(listed):
            if member.seed is not None and member in listed[:place]:
                law = "must differ from the members before it; another seed or argument is enough"
                raise ValueError(InputError(law, path=f"members.{place}.seed", value=member.seed))
        embedded = [member.family == "embedding_mlp" for member in listed]
        if any(embedded) and not all(embedded):
            law = "must be embedding_mlp, as other members are, which read columns of text otherwise"
            raise ValueError(InputError(law, path=f"members.{embedded.index(False)}.family", nearest="embedding_mlp"))
        return self

    @property
    def is_counted(self) -> bool:
        """Whether the members are one network, trained with several seeds."""
        return self.members is not None and all(member == NetworkMember() for member in self.members)
