"""Adaptation: the user's network with what it lacks: shapes of its lazy layers, and an answer of the data's form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.core.import_path import resolve
from tasks.models.answers import EXAMPLES, PLACE, Reading
from tasks.models.pretrained.last_layer import replace_last_layer

if TYPE_CHECKING:
    from torch import Tensor, nn

ADAPTED = f"{__name__}:adapted"
"""Import path of the factory of adapted networks, as candidates record it."""


def adapted(
    factory: str,
    arguments: dict[str, Any],
    input_shape: list[int] | None = None,
    reading: dict[str, Any] | None = None,
    last: dict[str, Any] | None = None,
) -> nn.Module:
    """The network of another factory, with its own layers and their names.

    Args:
        factory: `module:callable` of the user's network.
        arguments: its arguments.
        input_shape: shape of one example, from which lazy layers take theirs; None: there are none.
        reading: the fields of the `Reading` of the network's answer; None: it is taken as it is.
        last: {name, outputs} of a linear layer that is replaced by one with so many outputs; None: none is.
    """
    network: nn.Module = resolve(factory, PLACE)(**arguments)
    if input_shape is not None:
        settle_layers(network, tuple(input_shape))
    if last is not None:
        replace_last_layer(network, last["name"], last["outputs"])
    if reading is not None:
        change_answer(network, Reading(**reading))
    return network


def is_lazy_network(network: nn.Module) -> bool:
    """Whether a network has layers that take their shapes from the first batch."""
    from torch.nn.parameter import is_lazy

    return any(is_lazy(value) for values in (network.parameters(), network.buffers()) for value in values)


def settle_layers(network: nn.Module, input_shape: tuple[int, ...]) -> None:
    """Gives lazy layers their shapes, in place, by one run on zeros in evaluation mode."""
    import torch

    with torch.no_grad():
        network.eval()(torch.zeros(EXAMPLES, *input_shape))


def change_answer(network: nn.Module, reading: Reading) -> None:
    """Makes a network give its answer as `reading` reads it, in place.

    The network becomes the only one of a class of its own, derived from its class and of the same name. So it stays one
    module for copies, state dicts, traces and exports.
    """
    kind: Any = type(network)

    def forward(self: nn.Module, batch: Tensor) -> Tensor:
        return reading.read(kind.forward(self, batch))

    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    network.__class__ = type(kind.__name__, (kind,), {**names, "forward": forward})
