"""Optimizers: torch's own and Muon, with groups of parameters that are decayed and that are not."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tasks.kernels.training.muon import Muon, orthogonal_parameters

Groups = list[dict[str, Any]]


def make_optimizer(
    name: str,
    model: nn.Module,
    rate: float,
    *,
    momentum: float,
    weight_decay: float,
    nesterov: bool = False,
    decays_all: bool = True,
) -> torch.optim.Optimizer:
    """A new optimizer for the parameters that require a gradient; `momentum` and `nesterov` apply to `sgd` only.

    With `decays_all`, all parameters have weight decay; otherwise, and always in `muon`, only those of two and more
    dimensions: no biases, and no scales and shifts of normalizations.
    `name` is sgd, adam, adamw, adagrad, rmsprop or muon; ValueError for any other.
    """
    groups = _groups(model, is_muon=name == "muon", decays_all=decays_all and name != "muon")
    match name:
        case "sgd":
            made: torch.optim.Optimizer = torch.optim.SGD(
                groups, lr=rate, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov, fused=True
            )
        case "adam":
            made = torch.optim.Adam(groups, lr=rate, weight_decay=weight_decay, fused=True)
        case "adamw":
            made = torch.optim.AdamW(groups, lr=rate, weight_decay=weight_decay, fused=True)
        case "adagrad":
            made = torch.optim.Adagrad(groups, lr=rate, weight_decay=weight_decay)
        case "rmsprop":
            made = torch.optim.RMSprop(groups, lr=rate, weight_decay=weight_decay)
        case "muon":
            made = Muon(groups, lr=rate, weight_decay=weight_decay)
        case _:
            raise ValueError(f"no optimizer is called {name!r}")
    return made


def set_hyperparameters(optimizer: torch.optim.Optimizer, *, momentum: float, weight_decay: float) -> None:
    """Changes these values of an optimizer from `make_optimizer` during training; `momentum` applies to SGD only.

    Groups that are not decayed stay so.
    """
    for group in optimizer.param_groups:
        if group.get("decays", True):
            group["weight_decay"] = weight_decay
        if isinstance(optimizer, torch.optim.SGD):
            group["momentum"] = momentum


def _groups(model: nn.Module, *, is_muon: bool, decays_all: bool) -> Groups:
    """The parameters that require a gradient, as torch's groups; none is empty."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    orthogonal = orthogonal_parameters(model) if is_muon else set[Tensor]()
    rest = [each for each in parameters if each not in orthogonal]
    decayed = [each for each in rest if decays_all or each.dim() > 1]
    plain = [each for each in rest if not decays_all and each.dim() <= 1]
    found: Groups = [
        {"params": [each for each in parameters if each in orthogonal], "orthogonal": True},
        {"params": decayed},
        {"params": plain, "weight_decay": 0.0, "decays": False},
    ]
    return [group for group in found if group["params"]]
