"""Repaired harm: how far a network's outputs move without some of its blocks, once its other layers make up for it."""

from __future__ import annotations

import copy
from collections.abc import Collection
from math import ceil, isnan

import torch
from torch import Tensor, nn

from tasks.kernels.graph.residual_blocks import remove
from tasks.kernels.graph.tracing import to_device_of
from tasks.kernels.pruning.divergence import divergence
from tasks.kernels.reconstruction.layerwise import examples_in_memory, reconstruct

FITTED = 64
"""Examples that layers are fitted to, at most; with ROWS, few enough that trying a block takes a second or two."""
ROWS = 4000
"""Output positions of a layer that a fit uses: seven times the inputs of the widest layer of a ResNet-20."""
CHUNK = 128
"""Examples run together."""


class RepairedHarm:
    """Removes blocks on trial, fits the other layers in closed form, and compares the outputs with the whole network's.

    Layers are fitted to the first of the inputs, and the outputs compared on the others. Batch norms that are not
    fitted use the statistics of each chunk, as after recalibration; what this alone changes is no harm of a block.
    """

    def __init__(self, model: nn.Module, inputs: Tensor, numbers: bool) -> None:
        """`inputs` are (count, ...). `numbers` says that the outputs are numbers, not logits of classes.

        Raises TraceError when the network cannot be traced.
        """
        self._whole = copy.deepcopy(model).eval()
        inputs = to_device_of(self._whole, inputs)
        most = examples_in_memory(self._whole, inputs[:2].clone())
        count = min(FITTED, most, max(1, len(inputs) // 2))
        others = inputs[count:] if len(inputs) > 1 else inputs
        self._fitted, self._chunks = inputs[:count], torch.chunk(others, ceil(len(others) / CHUNK))
        with torch.no_grad():
            self._wanted = [self._whole(chunk.clone()) for chunk in self._chunks]
        self._numbers = numbers or self._wanted[0][0].numel() == 1
        self._before = self._change(())

    def without(self, names: Collection[str]) -> float:
        """Mean divergence per example without the named blocks, after the fit: nats, or a mean squared difference."""
        change = self._change(names) - self._before
        return change if isnan(change) else max(0.0, change)

    @torch.no_grad()
    def _change(self, names: Collection[str]) -> float:
        student = remove(self._whole, names)
        fitted = reconstruct(student, self._whole, self._fitted.clone(), {}, rows=ROWS).norms
        for name, layer in student.named_modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm) and name not in fitted:
                layer.train(len(self._chunks[0]) > 1)
        pairs = zip(self._chunks, self._wanted, strict=True)
        total = sum(divergence(student(chunk.clone()), wanted, self._numbers) for chunk, wanted in pairs)
        return total / sum(map(len, self._chunks))
