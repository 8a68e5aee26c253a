"""What every technique on torch models asks of its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core import InputError, nearest
from tasks.techniques.base import Batches

if TYPE_CHECKING:
    from torch import Tensor, nn


def example_of(batches: Batches) -> Tensor:
    """Two examples of the first batch. Raises InputError when there is none."""
    if not batches or not len(batches[0][0]):
        raise InputError("a technique needs at least one batch with examples")
    example: Tensor = batches[0][0][:2]
    return example


def check_names(model: nn.Module, names: tuple[str, ...]) -> None:
    """Raises InputError for a name that is no part of the network."""
    parts = [name for name, _ in model.named_modules() if name]
    for name in names:
        if name not in parts:
            raise InputError(
                "must name a layer of the network", path="ignore", value=name, nearest=nearest(name, parts)
            )


def is_under(layer: str, names: tuple[str, ...]) -> bool:
    """Whether the layer is one of the named parts, or inside one."""
    return any(layer == name or layer.startswith(name + ".") for name in names)
