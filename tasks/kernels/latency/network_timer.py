"""Network timer: whole torch networks timed as ONNX graphs in this process, interleaved with the original network."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor, nn
from torch.onnx.errors import OnnxExporterError

from tasks.kernels.engines.openvino_model import UnsupportedModelError
from tasks.kernels.engines.timing_engine import open_timed
from tasks.kernels.host import measurement_lock
from tasks.kernels.latency import interleaving
from tasks.kernels.onnx import sessions, torch_export

SECONDS = 1.0
"""Measuring time for each network."""


class NotConvertibleError(Exception):
    """The network cannot be timed because torch cannot export it to ONNX, or the engine cannot run it; the message says
    why."""


class NetworkTimer:
    """Times networks against `model` in the engine of `timing_engine`: the first example of `example`, one thread.

    `finish` turns each exported file into the one that is timed, such as its eight-bit form. No other work of this user
    runs meanwhile (`measurement_lock`). The constructor and the methods raise NotConvertibleError.
    """

    def __init__(self, model: nn.Module, example: Tensor, finish: Callable[[bytes], bytes] = bytes) -> None:
        self._inputs = {"input": example[:1].detach().cpu().numpy().astype(np.float32)}
        self._finish = finish
        self._whole = self._call(model)

    def speedup(self, network: nn.Module) -> float:
        """How many times as fast as the model the network is."""
        return self.speedups({"other": network})[1]["other"]

    def speedups(self, networks: Mapping[str, nn.Module]) -> tuple[float, dict[str, float]]:
        """The model's median milliseconds, and how many times as fast each network is; all timed interleaved."""
        calls = {"": self._whole, **{name: self._call(network) for name, network in networks.items()}}
        with measurement_lock.exclusive_use():
            times = interleaving.interleave(calls, SECONDS * len(calls))
        return float(np.median(times[""])), {name: interleaving.time_ratio(times[""], times[name]) for name in networks}

    def _call(self, network: nn.Module) -> Callable[[], object]:
        try:
            file = torch_export.convert(copy.deepcopy(network).cpu().eval(), self._inputs["input"].shape[1:])
        except OnnxExporterError as error:
            reason = str(error).strip().splitlines()[0]
            raise NotConvertibleError(f"{type(network).__name__} does not convert to ONNX: {reason}") from error
        try:
            return sessions.bound_call(open_timed(self._finish(file.SerializeToString())), self._inputs)
        except UnsupportedModelError as error:
            raise NotConvertibleError(f"{type(network).__name__}: {error}") from error
