"""Feature extraction: what a network's last layer gets, computed once for many examples."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from tasks.kernels.host.freed_memory import keep_freed_memory
from tasks.kernels.host.measurement_lock import shared_use
from tasks.kernels.training.loops import evaluation


def layer_inputs(network: nn.Module, layer: str, batches: Iterable[Tensor]) -> Tensor:
    """The inputs of a layer for all examples, in evaluation mode: (count, features), float32, on the CPU.

    Args:
        network: left as it is; batch normalization uses its own statistics.
        layer: the name of a linear layer.
        batches: inputs of the network.

    Raises:
        ValueError: the layer gets several places of an example (its message is the shape), and not one row.
    """
    keep_freed_memory()
    found: list[Tensor] = []
    hook = network.get_submodule(layer).register_forward_pre_hook(lambda module, inputs: found.append(inputs[0]))
    rows = []
    try:
        with evaluation(network), torch.no_grad(), shared_use() as rest:
            for batch in batches:
                found.clear()
                network(batch)
                rows.append(_flat(found[-1], len(batch)).float().cpu())
                rest()
    finally:
        hook.remove()
    return torch.cat(rows)


def _flat(values: Tensor, count: int) -> Tensor:
    """(count, features) of what a Linear or a 1 x 1 convolution gets."""
    features = values.shape[1] if values.dim() == 4 else values.shape[-1]
    if values.numel() != count * features:
        raise ValueError(" x ".join(map(str, values.shape[1:])))
    return values.reshape(count, features)
