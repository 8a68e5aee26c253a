"""Weight transfer: a smaller network starts from the weights of a larger one of the same architecture."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def inherit_weights(student: nn.Module, teacher: nn.Module) -> tuple[list[str], dict[str, list[int]]]:
    """Copies the leading part of each teacher tensor into the student's tensor of the same name, in place.

    Tensors that the teacher lacks, or that are larger in the student, stay as they are.

    Returns:
        The names of the copied tensors; and, by the name of each narrower layer, the teacher's output channels it has
        (the argument `kept` of `layerwise.reconstruct`).
    """
    theirs = teacher.state_dict()
    inherited: list[str] = []
    kept: dict[str, list[int]] = {}
    for name, own in student.state_dict().items():
        source = theirs.get(name)
        if (
            source is None
            or source.dim() != own.dim()
            or any(a > b for a, b in zip(own.shape, source.shape, strict=True))
        ):
            continue
        own.copy_(source[tuple(slice(size) for size in own.shape)])
        inherited.append(name)
        layer, _, kind = name.rpartition(".")
        if kind == "weight" and own.dim() > 1 and len(own) < len(source):
            kept[layer] = list(range(len(own)))
    return inherited, kept
