"""Held values: what a network holds in its state dict and outside, and in what two networks differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


def unsaved(network: nn.Module) -> dict[str, Any]:
    """Copies of what a network holds outside its state dict, by where it is, as `'draw' of Net`.

    These are its buffers that are not persistent, and its tensors, arrays, numbers and texts that are plain attributes,
    also in lists and dictionaries.
    """
    from torch import nn

    plain = vars(nn.Module()).keys()
    found: dict[str, Any] = {}
    for place, module in network.named_modules():
        lost = {name: module._buffers.get(name) for name in module._non_persistent_buffers_set}
        lost |= {name: value for name, value in vars(module).items() if name not in plain}
        root, kind = f"{place}." if place else "", type(module).__name__
        found |= {f"{root + name!r} of {kind}": copied(value) for name, value in lost.items()}
    return found


def held(network: nn.Module) -> dict[str, Any]:
    """Copies of all that a network holds, in its state dict and outside, by where it is."""
    return {**unsaved(network), **{repr(name): copied(value) for name, value in network.state_dict().items()}}


def copied(value: Any) -> Any:
    """A copy of tensors, arrays, numbers and texts, and of lists and dictionaries of them; None for all else."""
    import numpy as np
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list | tuple):
        return [copied(each) for each in value]
    if isinstance(value, dict):
        return {key: copied(each) for key, each in value.items()}
    return value if isinstance(value, int | float | str | np.generic) else None


def differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The names of what is not the same in both, in order."""
    names = {**before, **after}
    return [name for name in names if not is_same(before.get(name), after.get(name))]


def is_same(one: Any, two: Any) -> bool:
    """Whether two values hold the same; what is not a number is the same as itself."""
    import numpy as np
    import torch

    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(is_same, one, two))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(is_same(one[key], two[key]) for key in one)
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        return one.shape == two.shape and bool(((one == two) | ((one != one) & (two != two))).all())
    if isinstance(one, np.ndarray) and isinstance(two, np.ndarray):
        return one.shape == two.shape and bool(((one == two) | ((one != one) & (two != two))).all())
    return type(one) is type(two) and bool(one == two or (one != one and two != two))
