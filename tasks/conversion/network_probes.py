"""Network probes: runs a network without a trace, and says where in the user's code something happens."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import InputError
from tasks.models.answers import PLACE

if TYPE_CHECKING:
    from torch import Tensor, nn

FIRST = "the first examples of the data"
Frames = traceback.StackSummary


def wake(network: nn.Module) -> None:
    """Gives random numbers to parameters that are nearly zero throughout, in place: what they hide shows."""
    import torch

    with torch.no_grad():
        for weight in network.parameters():
            if weight.is_floating_point() and weight.numel() and weight.abs().max() < 0.01:
                weight.normal_(0, 0.1)


def answer(network: nn.Module, examples: Tensor, whose: str = FIRST, hint: str | None = None) -> Tensor:
    """The network's outputs as `raw_answer` gives them, with zeros for what is not a number."""
    import torch

    return torch.nan_to_num(raw_answer(network, examples, whose, hint))


def raw_answer(network: nn.Module, examples: Tensor, whose: str = FIRST, hint: str | None = None) -> Tensor:
    """The network's outputs for examples, float32 (examples, outputs).

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
    return outputs


def is_apart(one: Tensor, two: Tensor, most: float) -> bool:
    """Whether outputs differ by more than the share `most` of the largest output of `one`."""
    return one.shape != two.shape or bool((one - two).abs().max() > most * one.abs().max())


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
