"""Network probes: runs a network without a trace, says what it holds outside its state dict, and where code stands."""

from __future__ import annotations

import random
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

PLACE = "model.factory"
FIRST = "the first examples of the data"
Frames = traceback.StackSummary


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Context in which torch, NumPy and Python draw from this seed; their random states are restored at its end."""
    import numpy as np
    import torch

    python, arrays = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(arrays)


def wake(network: nn.Module) -> None:
    """Gives random numbers to parameters that are nearly zero throughout, in place: what they hide shows."""
    import torch

    with torch.no_grad():
        for weight in network.parameters():
            if weight.is_floating_point() and weight.numel() and weight.abs().max() < 0.01:
                weight.normal_(0, 0.1)


def answer(network: nn.Module, examples: Tensor, whose: str = FIRST, hint: str | None = None) -> Tensor:
    """The network's outputs for examples, float32 (examples, outputs), with zeros for what is not a number.

    Args:
        network: in evaluation mode.
        examples: its inputs; left as they are.
        whose: name of the examples, for the message of an error.
        hint: the way out when the network looks up a place that does not exist.

    Raises:
        InputError: the network fails, or answers something else.
    """
    import torch

    try:
        with torch.no_grad():
            outputs = network(examples.clone())
    except Exception as error:  # the user's network may fail in any way; the cause is in the message
        law = f"fails on {whose} ({first_line(error)})"
        raise InputError(law, path=PLACE, nearest=hint if isinstance(error, IndexError) else None) from error
    if not isinstance(outputs, torch.Tensor) or outputs.ndim != 2 or len(outputs) != len(examples):
        got = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
        raise InputError(f"must answer {whose} with one row for each", path=PLACE, value=got)
    if outputs.dtype != torch.float32:
        law, kind = "must answer with numbers of the type float32", str(outputs.dtype).removeprefix("torch.")
        raise InputError(law, path=PLACE, value=kind, nearest=".float() at its end")
    return torch.nan_to_num(outputs)


def is_apart(one: Tensor, two: Tensor, most: float) -> bool:
    """Whether outputs differ by more than the share `most` of the largest output of `one`."""
    return one.shape != two.shape or bool((one - two).abs().max() > most * one.abs().max())


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


def draws(network: nn.Module, examples: Tensor) -> list[Frames]:
    """The call stacks of torch's draws of random numbers in one run of the network."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    found: list[Frames] = []

    class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, call: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if torch.Tag.nondeterministic_seeded in call.tags:
                found.append(traceback.extract_stack())
            return call(*args, **(kwargs or {}))

    with Watch():  # type: ignore[no-untyped-call]
        answer(network, examples)
    return found


def user_line(frames: Frames) -> str | None:
    """`file.py, line N`, of the innermost call in the user's own files; None when there is none."""
    own = str(Path(__file__).parents[1])
    foreign = (own, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    for frame in reversed(frames):
        file = Path(frame.filename)
        if file.is_file() and "site-packages" not in file.parts and not frame.filename.startswith(foreign):
            return f"{file.name}, line {frame.lineno}"
    return None


def causes(error: BaseException) -> list[BaseException]:
    """An error and what it was raised from, the first cause last."""
    found = [error]
    while (cause := found[-1].__cause__) is not None and cause not in found:
        found.append(cause)
    return found


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 200 characters; its class when there is none."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
