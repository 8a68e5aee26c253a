"""Layer groups: the layers of a network in four groups, each with its own learning rate and its first epoch.

Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification" (2018): the layers near the answer
learn fastest (discriminative fine-tuning) and first (gradual unfreezing).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tasks.kernels.training.loops import evaluation

GROUPS = 4
"""Number of groups: the last layer, and thirds of the layers before it."""


@dataclass(frozen=True)
class LayerGroups:
    """The layers with parameters of their own, in groups from the answer (first) to the input."""

    groups: tuple[tuple[nn.Module, ...], ...]
    decay: float
    """Each group's learning rate is this times that of the group before it."""
    unfreeze: int
    """Epochs after which the next group begins to learn; 0: all learn from the first."""

    def scales(self) -> dict[Tensor, float]:
        """Parameter → factor of its learning rate; one that two layers share has the greater."""
        found: dict[Tensor, float] = {}
        for place, group in enumerate(self.groups):
            for layer in group:
                for parameter in layer.parameters(recurse=False):
                    found.setdefault(parameter, self.decay**place)
        return found

    @contextmanager
    def frozen(self, epoch: int) -> Iterator[None]:
        """Context in which the layers that do not learn yet in an epoch (counted from 1) are frozen.

        They need no gradient and run in evaluation mode, whatever mode the network is in, so that batch normalization
        keeps its statistics.
        """
        known = len(self.groups) if not self.unfreeze else 1 + (epoch - 1) // self.unfreeze
        learning = {each for group in self.groups[:known] for layer in group for each in layer.parameters()}
        layers = [layer for group in self.groups[known:] for layer in group]
        hooks = [layer.register_forward_pre_hook(_rest) for layer in layers]
        needed = [each for layer in layers for each in layer.parameters(recurse=False) if each.requires_grad]
        needed = [each for each in needed if each not in learning]
        for parameter in needed:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in needed:
                parameter.requires_grad_(True)
            for hook in hooks:
                hook.remove()


def find_groups(model: nn.Module, examples: Tensor, decay: float, unfreeze: int) -> LayerGroups:
    """The groups of a network's layers, in the order in which they run on `examples`; a layer that does not run counts
    as the first one. The network is left as it is."""
    order: list[nn.Module] = []
    owners = [each for each in model.modules() if any(True for _ in each.parameters(recurse=False))]
    hooks = [each.register_forward_hook(lambda module, inputs, output: order.append(module)) for each in owners]
    try:
        with evaluation(model), torch.no_grad():
            model(examples)
    finally:
        for hook in hooks:
            hook.remove()
    ran = list(dict.fromkeys(order))
    layers = [*(each for each in owners if each not in ran), *ran]
    *body, last = layers
    ends = [len(body) * place // (GROUPS - 1) for place in range(GROUPS)]
    parts = [tuple(body[start:end]) for start, end in itertools.pairwise(ends)]
    return LayerGroups(((last,), *(part for part in reversed(parts) if part)), decay, unfreeze)


def split_groups(optimizer: torch.optim.Optimizer, scales: dict[Tensor, float]) -> None:
    """Splits an optimizer's groups of parameters, in place, by the factor of their learning rate: `rate_scale`."""
    for group in list(optimizer.param_groups):
        parts: dict[float, list[Tensor]] = {}
        for parameter in group["params"]:
            parts.setdefault(scales[parameter], []).append(parameter)
        options = {name: value for name, value in group.items() if name != "params"}
        (scale, first), *others = parts.items()
        group.update(params=first, rate_scale=scale)
        for scale, parameters in others:
            optimizer.add_param_group({**options, "params": parameters, "rate_scale": scale})


def _rest(module: nn.Module, inputs: Sequence[Tensor]) -> None:
    module.eval()
