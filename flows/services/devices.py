"""Devices: the processor or the GPU on which networks are trained, from the environment variable PAREDOWN_DEVICE."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tasks.core import InputError

VARIABLE = "PAREDOWN_DEVICE"
DRIVERS = ("nvidia[0-9]*", "dxg", "kfd")
"""Files in /dev of the drivers of GPUs that torch can use: NVIDIA's, Windows' for Linux, and AMD's."""


def has_driver(folder: Path = Path("/dev")) -> bool:
    """Whether there is a driver of a GPU. Without one, torch need not be imported, which takes a second."""
    return any(True for pattern in DRIVERS for _ in folder.glob(pattern))


def usable_gpus() -> int:
    """How many GPUs torch can use."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def settle_device(
    environment: Mapping[str, str] = os.environ, gpus: Callable[[], int] = usable_gpus, drivers: Path = Path("/dev")
) -> str:
    """Torch's device for training: `cpu`, `cuda` or `cuda:N`. `auto`, the default: the first GPU, else the processor.

    Raises:
        InputError: the variable names no device, or a GPU that this machine does not have.
    """
    asked = environment.get(VARIABLE) or "auto"
    if asked == "cpu":
        return asked
    if asked != "auto" and not re.fullmatch(r"cuda(:\d+)?", asked):
        raise InputError("must be auto, cpu, cuda or cuda:N", path=VARIABLE, value=asked, nearest="auto")
    count = gpus() if asked != "auto" or has_driver(drivers) else 0
    if asked == "auto":
        return "cuda" if count else "cpu"
    number = int(asked.partition(":")[2] or 0)
    if number >= count:
        have = "no GPU that torch can use" if not count else f"{count} GPU{'s' if count > 1 else ''}, counted from 0"
        law = f"must name a device of this machine, which has {have}"
        raise InputError(law, path=VARIABLE, value=asked, nearest="cpu" if not count else f"cuda:{count - 1}")
    return asked
