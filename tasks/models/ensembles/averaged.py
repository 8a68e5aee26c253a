"""Averaged: the factory of an ensemble of networks, as candidates record it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.core.import_path import resolve
from tasks.models.answers import PLACE

if TYPE_CHECKING:
    from torch import nn

AVERAGED = f"{__name__}:average_members"
"""Import path of the factory of ensembles of networks."""


def average_members(members: Sequence[dict[str, Any]], weights: Sequence[float], of_probabilities: bool) -> nn.Module:
    """The network that averages the answers of others.

    Args:
        members: {factory, arguments} of each network.
        weights: one for each, above 0, summing to 1.
        of_probabilities: as in `AveragedNetwork`.
    """
    from tasks.kernels.training.averaged_network import AveragedNetwork

    networks = [resolve(member["factory"], PLACE)(**member["arguments"]) for member in members]
    return AveragedNetwork(networks, weights, of_probabilities)


def described(makers: Sequence[tuple[str, dict[str, Any]]], weights: Sequence[float], average: str) -> dict[str, Any]:
    """The arguments of `average_members`, as JSON.

    Args:
        makers: factory and arguments of each network.
        weights: one for each.
        average: `probabilities` or `logits`; of numbers it is `logits`.
    """
    members = [{"factory": factory, "arguments": arguments} for factory, arguments in makers]
    return {"members": members, "weights": list(weights), "of_probabilities": average == "probabilities"}
