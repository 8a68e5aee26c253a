"""Any ensemble: the type of `model.ensemble`, whose members say whether it is one of simple models or of networks."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Discriminator, Tag

from tasks.models.ensembles.members import EnsembleSpec
from tasks.models.ensembles.network_members import NetworkEnsemble
from tasks.models.family_names import NETWORKS

SIMPLE, OF_NETWORKS = EnsembleSpec.__name__, NetworkEnsemble.__name__


def _tag(value: Any) -> str:
    if isinstance(value, BaseModel):
        return OF_NETWORKS if isinstance(value, NetworkEnsemble) else SIMPLE
    members = value.get("members") if isinstance(value, dict) else None
    given = [each for each in members if isinstance(each, dict)] if isinstance(members, (list, tuple)) else []
    has_network = any("factory" in each or "train" in each or each.get("family") in NETWORKS for each in given)
    return OF_NETWORKS if has_network or not any("family" in each for each in given) else SIMPLE


AnyEnsemble = Annotated[
    Annotated[EnsembleSpec, Tag(SIMPLE)] | Annotated[NetworkEnsemble, Tag(OF_NETWORKS)], Discriminator(_tag)
]
