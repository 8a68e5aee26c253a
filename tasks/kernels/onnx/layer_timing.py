"""Layer timing: milliseconds of a single convolution or linear layer, from a runtime's profiler."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tasks.kernels.onnx.preprocessing_graph import OPSET
from tasks.kernels.onnx.sessions import open_session

ROUNDS = 5
"""Sessions of each layer, interleaved with those of all others: times also depend on a session's memory addresses."""
CALLS, SECONDS = 40, 0.01
"""Calls in a session, at most; fewer when SECONDS are over, but at least 5."""
BEFORE = 16
"""Input channels of the 1x1 convolution that precedes a timed convolution."""
_CONVOLUTIONS = ("Conv", "FusedConv", "Convolution", "GroupConvolution")
_PRODUCTS = (*_CONVOLUTIONS, "Gemm", "FusedGemm", "MatMul", "FusedMatMul", "FullyConnected")
"""The kinds of operators that multiply by weights, as ONNX Runtime and OpenVINO call them."""


@dataclass(frozen=True)
class Layer:
    """The work of one layer with bias and ReLU on one float32 example: a convolution, or a linear layer.

    `read` and `made` are its input and output channels. A linear layer has an empty `kernel`.
    """

    read: int
    made: int
    positions: tuple[int, ...]
    """The input's size without its channels; empty for a linear layer on a vector."""
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    pads: tuple[int, ...] = ()
    """Padding at the start of each axis, then at the end of each axis."""
    groups: int = 1

    def __str__(self) -> str:
        """All fields in one line; equal text means equal work."""
        at = "x".join(map(str, self.positions)) or "1"
        if not self.kernel:
            return f"linear {self.read} > {self.made} at {at}"
        parts = {"stride": self.stride, "dilation": self.dilation, "pads": self.pads, "groups": (self.groups,)}
        more = "".join(f" {name} {'x'.join(map(str, sizes))}" for name, sizes in parts.items())
        return f"conv {'x'.join(map(str, self.kernel))} {self.read} > {self.made} at {at}{more}"


Operators = Sequence[tuple[str, float]]
"""The operators of one call in their order: kind and milliseconds."""
Profile = Callable[[bytes], Sequence[Operators]]
"""The operators of several calls of a file in a session of its own."""


def time_layers(layers: Sequence[Layer], profile: Profile | None = None, rounds: int = ROUNDS) -> list[float]:
    """Milliseconds of each layer with one thread: first quartile of `rounds` fresh sessions, interleaved.

    Counts the time of the layer's kernel and of the conversion of its input into the layout that it reads, not the
    conversions at the ends of the graph. One call is timed to a microsecond.

    Args:
        layers: the layers.
        profile: runs a file; absent: in ONNX Runtime.
        rounds: number of sessions of each layer.
    """
    models = [build_layer_graph(layer) for layer in layers]
    times = [[_own_time((profile or profile_calls)(model)) for model in models] for _ in range(rounds)]
    return [float(value) for value in np.quantile(np.array(times).reshape(rounds, len(models)), 0.25, axis=0)]


def build_layer_graph(layer: Layer) -> bytes:
    """The layer as an ONNX file; a 1x1 convolution precedes a convolution, so that its input layout is realistic."""
    nodes, constants = [], []
    if layer.kernel:
        entry = [1, BEFORE, *layer.positions]
        ones = [1] * len(layer.kernel)
        constants += _weights("before", (layer.read, BEFORE, *ones), layer.read)
        constants += _weights("layer", (layer.made, layer.read // layer.groups, *layer.kernel), layer.made)
        shape = {"strides": layer.stride, "dilations": layer.dilation, "pads": layer.pads, "group": layer.groups}
        nodes += [
            helper.make_node("Conv", ["x", "before.weight", "before.bias"], ["a"], kernel_shape=ones),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("Conv", ["b", "layer.weight", "layer.bias"], ["c"], kernel_shape=layer.kernel, **shape),
        ]
    elif layer.positions:
        entry = [1, *layer.positions, layer.read]
        constants += _weights("layer", (layer.read, layer.made), layer.made)
        nodes += [
            helper.make_node("MatMul", ["x", "layer.weight"], ["b"]),
            helper.make_node("Add", ["b", "layer.bias"], ["c"]),
        ]
    else:
        entry = [1, layer.read]
        constants += _weights("layer", (layer.made, layer.read), layer.made)
        nodes.append(helper.make_node("Gemm", ["x", "layer.weight", "layer.bias"], ["c"], transB=1))
    nodes.append(helper.make_node("Relu", ["c"], ["y"]))
    ends = [
        helper.make_tensor_value_info(*end) for end in (("x", TensorProto.FLOAT, entry), ("y", TensorProto.FLOAT, None))
    ]
    graph = helper.make_graph(nodes, "layer", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    return bytes(model.SerializeToString())


def _weights(name: str, shape: tuple[int, ...], outputs: int) -> list[onnx.TensorProto]:
    weight = np.full(shape, 1 / math.prod(shape[1:]), np.float32)
    return [
        numpy_helper.from_array(weight, f"{name}.weight"),
        numpy_helper.from_array(np.zeros(outputs, np.float32), f"{name}.bias"),
    ]


def profile_calls(model: bytes) -> list[Operators]:
    """The operators of several calls in ONNX Runtime."""
    with tempfile.TemporaryDirectory() as folder:
        session = open_session(model, profile=Path(folder) / "profile")
        example = {"x": np.ones(session.get_inputs()[0].shape, np.float32)}
        calls = sum(1 for _ in repeated_calls(lambda: session.run(None, example)))
        events = json.loads(Path(session.end_profiling()).read_text())
    nodes = [event for event in events if str(event["name"]).endswith("kernel_time")]
    found = [(event["args"]["op_name"], event["dur"] / 1000) for event in nodes]
    size = len(found) // calls
    return [found[at : at + size] for at in range(0, len(found), size)]


def repeated_calls(call: Callable[[], object]) -> Iterator[None]:
    """Calls as often as a session of a layer needs (CALLS, SECONDS), and yields after each call."""
    end, calls = time.perf_counter() + SECONDS, 0
    while calls < 5 or (calls < CALLS and time.perf_counter() < end):
        call()
        calls += 1
        yield


def _own_time(calls: Sequence[Operators]) -> float:
    """Milliseconds of the operators after the preceding convolution, up to the layer itself: the mean of the faster
    half of the calls, because other load on the host only adds time."""
    kinds = [kind for kind, _ in calls[0]]
    products = [place for place, kind in enumerate(kinds) if kind in _PRODUCTS]
    start, stop = (products[0] + 1, products[-1] + 1) if len(products) > 1 else (0, len(kinds))
    sums = sorted(sum(milliseconds for _, milliseconds in each[start:stop]) for each in calls)
    faster = sums[: -(-len(sums) // 2)]
    return sum(faster) / len(faster)
