"""Probabilities: whether a network answers with the output of a softmax or a sigmoid instead of logits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

SUM = 1e-3
"""Largest distance from 1 of the sum of a row of probabilities."""

Maker = Callable[[Any], str | None]
"""Tensor → `softmax` or `sigmoid` if its values come from this operation, cast or reshaped at most; otherwise None."""


@dataclass
class Activations:
    """The softmaxes and sigmoids of one run of a network."""

    last: str | None = None
    """The last one."""
    places: dict[int, tuple[str, Tensor]] = field(default_factory=dict)
    """Where the values of each lie, which the tensor keeps there → its name."""

    def add(self, name: str, result: Tensor) -> None:
        """Notes that a tensor's values come from this operation."""
        self.last, self.places[_place(result)] = name, (name, result)

    def forget(self, value: Any) -> None:
        """Notes that a tensor's values change."""
        self.places.pop(_place(value), None)

    def maker_of(self, value: Any) -> str | None:
        """A `Maker`."""
        return self.places.get(_place(value), (None, None))[0]


def closing_activation(network: nn.Module, examples: Tensor) -> str | None:
    """`softmax` or `sigmoid` when it gives the network's answer, a tensor; otherwise None.

    Rows that are not negative and sum to 1 are probabilities, whatever computes them; they are said to come from the
    network's last activation of this kind. Logarithms of probabilities are logits.

    Args:
        network: in evaluation mode.
        examples: its inputs; left as they are.
    """
    answer, activations = watch_activations(network, examples)
    return activations.maker_of(answer) or ((activations.last or "softmax") if are_shares(answer) else None)


def watch_activations(network: nn.Module, examples: Tensor) -> tuple[Any, Activations]:
    """The network's answer, and the softmaxes and sigmoids of this run."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    aten, seen = torch.ops.aten, Activations()
    makers = {aten._softmax: "softmax", aten.sigmoid: "sigmoid", aten.sigmoid_: "sigmoid", aten.hardsigmoid: "sigmoid"}
    carriers = (aten._to_copy, aten.clone, aten.clamp)

    class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, call: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = call(*args, **(kwargs or {}))
            name = makers.get(call.overloadpacket)
            name = seen.maker_of(args[0]) if call.overloadpacket in carriers else name
            if name:
                seen.add(name, result)
            elif call._schema.is_mutable and args:
                seen.forget(args[0])
            return result

    with torch.no_grad(), Watch():  # type: ignore[no-untyped-call]
        return network(examples.clone()), seen


def needs_logits(name: str) -> str:
    """The law that a network, by its factory or file, breaks with probabilities where logits are needed."""
    return f"needs logits, but {name} answers with probabilities"


def are_shares(answer: Tensor) -> bool:
    """Whether each row (examples, outputs) has at least two values, none negative, that sum to 1."""
    if answer.ndim != 2 or answer.shape[1] < 2 or not bool((answer >= 0).all()):
        return False
    return bool(((answer.double().sum(1) - 1).abs() <= SUM).all())


def _place(value: Any) -> int:
    """Where a tensor's values lie; views of it lie there, too. 0 for anything else."""
    import torch

    return value.untyped_storage().data_ptr() if isinstance(value, torch.Tensor) else 0
