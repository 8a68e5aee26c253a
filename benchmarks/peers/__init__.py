"""The field's tools on one network, each with its own recommended settings: what they make, and in how many minutes.

    from peers import Task, run
    for result in run(Task(network, (3, 32, 32), calibration, recover)):
        print(result.tool, result.name, len(result.file), result.minutes)

A peer is a module with `TOOL` (what it is called), `PACKAGE` (what must be installed) and
`pare(task) -> Iterator[(name, ONNX file)]`. All files take what the network takes; `products.dress` puts
the preprocessing before one.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from .task import Task

PEERS = {
    "onnxruntime": "the quantizer of ONNX Runtime alone",
    "torch-pruning": "structured pruning by dependency graph, with recovery",
    "l1": "a control: channels by their L1 norm, fine-tuned at a large learning rate",
    "nncf": "post-training quantization of the ONNX file",
}
"""The peers by name, and what each does."""
_MODULES = {
    "onnxruntime": "runtime_quantizer",
    "torch-pruning": "dependency_pruner",
    "l1": "norm_pruner",
    "nncf": "network_quantizer",
}


@dataclass(frozen=True)
class Result:
    """One file of one peer."""

    tool: str
    name: str
    file: bytes
    minutes: float
    """From the end of the peer's file before to the end of this one."""


@dataclass(frozen=True)
class Skipped:
    """A peer that is not installed."""

    tool: str
    sentence: str


def run(task: Task, names: Sequence[str] = tuple(PEERS)) -> Iterator[Result | Skipped]:
    """Each peer's files, one after another. Raises KeyError for a name that is no peer's."""
    for name in names:
        peer = importlib.import_module(f".{_MODULES[name]}", __package__)
        if find_spec(peer.PACKAGE) is None:
            yield Skipped(peer.TOOL, f"{peer.TOOL} is not installed: pip install 'paredown[peers]'")
            continue
        started = time.monotonic()
        for setting, file in peer.pare(task):
            now = time.monotonic()
            yield Result(peer.TOOL, f"{peer.TOOL}: {setting}", file, (now - started) / 60)
            started = time.monotonic()


__all__ = ["PEERS", "Result", "Skipped", "Task", "run"]
