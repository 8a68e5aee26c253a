"""Last layer: the linear layer that gives a network's answer, and its replacement for another number of outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.core import InputError
from tasks.models.answers import CHOICE, EXAMPLES, Key, tensors_of

if TYPE_CHECKING:
    from torch import Tensor, nn

TRANSFER = "model.transfer"
"""The recipe's path of the messages."""
NEEDS = "needs a network whose answer comes from one last linear layer (Linear, or a convolution of 1 x 1)"


def find_last_layer(network: nn.Module, input_shape: tuple[int, ...], key: Key | None = None) -> str:
    """The name of the Linear or 1 x 1 convolution through which all of a network's answer goes.

    It is found on the graph of gradients of one run on zeros, so neither names nor the order of layers matter. Nothing
    that learns may stand behind it.

    Args:
        network: it has run once, so that no layer is lazy; it is left in evaluation mode.
        input_shape: shape of one example.
        key: the recipe's `model.output`, for a network with several outputs.

    Raises:
        InputError: there is no such layer, several give the answer, or `model.output` must choose an output.
    """
    import torch

    places: dict[Any, str] = {}

    def note(name: str) -> Any:
        return lambda module, inputs, output: places.__setitem__(output.grad_fn, name)

    layers = {name: part for name, part in network.named_modules() if name and is_linear(part)}
    hooks = [part.register_forward_hook(note(name)) for name, part in layers.items()]
    try:
        with torch.enable_grad():
            answer = network.eval()(torch.zeros(EXAMPLES, *input_shape, requires_grad=True))
    finally:
        for hook in hooks:
            hook.remove()
    found = _reached(_only(answer, key), places)
    if len(found) != 1:
        advice = "model.transfer: as_is, or a factory that ends with such a layer"
        raise InputError(NEEDS, path=TRANSFER, value=", ".join(sorted(found)) or "none found", nearest=advice)
    return found.pop()


def is_linear(module: nn.Module) -> bool:
    """Whether a module is a linear layer of each place: Linear, or a convolution of 1 x 1 over all channels."""
    from torch import nn

    if isinstance(module, nn.Linear):
        return True
    return isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1


def outputs_of(layer: nn.Module) -> int:
    """The number of outputs of a linear layer."""
    weight: Any = layer.weight
    return int(weight.shape[0])


def replace_last_layer(network: nn.Module, name: str, outputs: int) -> None:
    """Puts a new layer of the same kind, with bias and random weights, in the place of the last one, in place."""
    from torch import nn

    old = network.get_submodule(name)
    new = nn.Linear(old.in_features, outputs) if isinstance(old, nn.Linear) else nn.Conv2d(_inputs(old), outputs, 1)
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, new)


def _inputs(layer: nn.Module) -> int:
    weight: Any = layer.weight
    return int(weight.shape[1])


def _only(answer: Any, key: Key | None) -> Tensor:
    """The output that counts. Raises InputError when there are several and the recipe names none."""
    import torch

    if torch.is_tensor(answer):
        return answer
    named = tensors_of(answer)
    if key in named:
        return named[key]
    if len(named) != 1:
        law = "must choose the output whose last layer is replaced"
        raise InputError(law, path=CHOICE, value=key, nearest=", ".join(map(str, named)) or None)
    return next(iter(named.values()))


def _reached(answer: Tensor, places: dict[Any, str]) -> set[str]:
    """The layers nearest to the answer on its graph; none when parameters lie between, or no gradient is there."""
    found, todo, seen = set(), [answer.grad_fn], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node in places:
            found.add(places[node])
        elif getattr(node, "variable", None) is not None:
            return set()
        else:
            todo += [each for each, _ in node.next_functions]
    return found
