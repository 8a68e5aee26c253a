"""Batch memory: how much a training keeps of a batch until its backward pass, and how large a batch may be."""

from __future__ import annotations

import math

import psutil
import torch
from torch import Tensor, nn

from tasks.kernels.training import loops

MOST_FOLD = 1000
"""A network is taken to keep at most so many times the bytes of its inputs; a batch that fits even so is not tried."""
USABLE = 0.8
"""Share of the free memory that a batch may take."""


def free_bytes(device: torch.device) -> int:
    """The memory that is free on a GPU, or on this machine."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available


def kept_bytes(model: nn.Module, inputs: Tensor) -> float:
    """The bytes for each example that the network keeps for its backward pass, beside its parameters.

    `inputs` are a few of its inputs; the network does not change.
    """
    seen: dict[int, int] = {}
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with (
        loops.seeded(0, 0, inputs.device),
        loops.evaluation(model),
        torch.enable_grad(),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        model(inputs.clone())
    return sum(seen.values()) / len(inputs)


def is_surely_small(inputs: Tensor, batch_size: int, free: int) -> bool:
    """Whether a batch fits by far; `inputs` are a few of the network's inputs."""
    return MOST_FOLD * batch_size * inputs.nbytes / len(inputs) < USABLE * free


def largest_batch(kept: float, free: int) -> int:
    """The largest power of two of examples that fits, 0 if none does; `kept` as `kept_bytes`."""
    most = USABLE * free / max(1.0, kept)
    return 0 if most < 1 else 2 ** math.floor(math.log2(most))
