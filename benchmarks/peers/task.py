"""What every peer is given: the same network, the same data and the same budget of recovery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import nn

from tasks.kernels.onnx import torch_export


@dataclass(frozen=True)
class Task:
    """A trained network and what a peer may use."""

    network: nn.Module
    """In evaluation mode; a peer works on a copy."""
    shape: tuple[int, ...]
    """Of one example, as the network sees it."""
    calibration: NDArray[np.float32]
    """(n, *shape) network inputs from the training data."""
    recover: Callable[[nn.Module], nn.Module]
    """Trains a pruned network in the caller's budget, and returns it."""
    fine_tune: Callable[[nn.Module], nn.Module]
    """Trains it on the targets alone, without a teacher, for as many epochs, and returns it."""
    ratios: tuple[float, ...] = (1.35, 1.6)
    """By how much pruners should lower the multiply-accumulates, one file for each."""

    @cached_property
    def file(self) -> bytes:
        """The network as an ONNX file: `input` (batch, *shape) → `output`."""
        return self.convert(self.network)

    def convert(self, network: nn.Module) -> bytes:
        """Any network for the same inputs as such a file."""
        return bytes(torch_export.convert(network.eval(), self.shape).SerializeToString())
