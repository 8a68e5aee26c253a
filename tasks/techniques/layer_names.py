"""Checks of what techniques are given: examples, and the names of layers in the knob `ignore`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tasks.core import InputError, nearest_choice
from tasks.techniques.base import Batches

if TYPE_CHECKING:
    from torch import Tensor, nn


def example_of(batches: Batches) -> Tensor:
    """The first two examples, (2, ...), or the only one. Raises InputError when the first batch holds none."""
    if not batches or not len(batches[0][0]):
        raise InputError("a technique needs at least one batch with examples")
    example: Tensor = batches[0][0][:2]
    return example


def check_names(model: nn.Module, names: tuple[str, ...]) -> None:
    """Raises InputError for a name, given as the knob `ignore`, that is no part of the network."""
    parts = [name for name, _ in model.named_modules() if name]
    for name in names:
        if name not in parts:
            raise InputError(
                "must name a layer of the network", path="ignore", value=name, nearest=nearest_choice(name, parts)
            )


def is_under(layer: str, names: tuple[str, ...]) -> bool:
    """Whether the layer is one of the named parts, or inside one."""
    return any(layer == name or layer.startswith(name + ".") for name in names)


def without_ignored(operators: Mapping[str, str], ignore: tuple[str, ...], kind: str) -> dict[str, str]:
    """The operators of an ONNX graph that `ignore` does not name.

    Args:
        operators: the layer's name in the network, by the operator's name in the graph.
        ignore: names of operators, of layers, or of parts of the network that hold layers.
        kind: what the operators are, for the message.

    Raises:
        InputError: a name in `ignore` is none of these.
    """
    known = [*operators, *operators.values()]
    for name in ignore:
        if not any(is_under(each, (name,)) for each in known):
            law = f"must name a {kind} of the graph"
            raise InputError(law, path="ignore", value=name, nearest=nearest_choice(name, known))
    return {node: layer for node, layer in operators.items() if node not in ignore and not is_under(layer, ignore)}
