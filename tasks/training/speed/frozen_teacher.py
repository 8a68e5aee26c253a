"""Frozen teacher: a copy of a teacher that answers alike and faster, because it is never trained."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


def freeze_teacher(teacher: nn.Module, example: Tensor) -> nn.Module:
    """A copy in evaluation mode: batch norms are folded into the layers before them, weights lie channels-last.

    Where the network cannot be traced, nothing is folded. The answers differ by rounding alone.

    Args:
        teacher: the network; it is not changed.
        example: a few of its inputs (count, …).
    """
    from tasks.kernels.graph import tracing
    from tasks.kernels.quantization.quantizer_placement import fold_batch_norms
    from tasks.kernels.training import loops

    try:
        frozen: nn.Module = fold_batch_norms(tracing.trace(teacher, example))
    except tracing.TraceError:
        frozen = copy.deepcopy(teacher)
    loops.set_memory_layout(frozen, channels_last=True)
    return frozen.eval()
