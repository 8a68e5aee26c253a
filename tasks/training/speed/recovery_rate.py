"""Recovery rate: the learning rate at which a network is trained after a cut, by the layers that it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tasks.training.train_spec import Optimizer

if TYPE_CHECKING:
    from torch import nn

CAREFUL = 1e-3
"""The rate for networks whose layers are not normalized, and for optimizers that are not in FAST."""
FAST: Mapping[Optimizer, float] = {"adam": 4e-3, "adamw": 4e-3, "muon": 5e-3, "sgd": 0.02}
"""The rates for networks whose layers are normalized: `benchmarks/recovery.py`."""


def recovery_rate(network: nn.Module, optimizer: Optimizer) -> float:
    """FAST where the network's layers are normalized, otherwise CAREFUL; it depends on nothing else."""
    return FAST.get(optimizer, CAREFUL) if is_normalized(network) else CAREFUL


def is_normalized(network: nn.Module) -> bool:
    """Whether at least every second convolution or linear layer has a batch normalization.

    Behind one, the size of a layer's weights does not matter, so that a large step cannot ruin it. A fake-quantized
    network has none: they are folded into its layers.
    """
    from tasks.kernels.graph import layers

    norms = sum(isinstance(each, layers.BATCH_NORMS) for each in network.modules())
    return norms > 0 and 2 * norms >= len(layers.weighted_layers(network))
