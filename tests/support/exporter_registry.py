"""The exporter's table of operators, made once in a process: torch makes it from its source anew for every export."""

from __future__ import annotations

import functools
from typing import Any


def keep_registry() -> None:
    """From now on an export begins with a copy of the first export's table.

    What an export adds to its copy stays there, so that each finds the table as torch makes it.
    """
    from torch.onnx._internal.exporter import _registration

    registry: Any = _registration.ONNXRegistry
    made = functools.cache(registry.from_torchlib)

    def from_torchlib(opset_version: int = _registration._constants.TORCHLIB_OPSET) -> Any:
        whole, copy = made(opset_version), registry()
        copy.__dict__ |= whole.__dict__ | {"functions": {name: [*found] for name, found in whole.functions.items()}}
        return copy

    registry.from_torchlib = staticmethod(from_torchlib)
