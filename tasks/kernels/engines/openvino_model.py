"""OpenVINO model: an ONNX file compiled for this processor, with the interface of a session of ONNX Runtime."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tasks.kernels.engines.runtime_record import RuntimeRecord
from tasks.kernels.onnx import description
from tasks.kernels.onnx.layer_timing import Operators, repeated_calls
from tasks.kernels.onnx.sessions import Array

_TELEMETRY = "openvino_telemetry"
_NO_RULE = "No conversion rule found for operations:"


class UnsupportedModelError(Exception):
    """The engine cannot run a file; the message says why in one sentence."""


@dataclass(frozen=True)
class Port:
    """An input or an output of a compiled file."""

    name: str
    shape: tuple[int | str | None, ...]


class CompiledFile:
    """A compiled ONNX file. A call takes and returns NumPy arrays; the arrays it takes are not copied."""

    def __init__(self, compiled: Any, model: Path | bytes) -> None:
        """A compiled file; `model` is the ONNX file that it was made of, which knows the names and the metadata."""
        self._request = compiled.create_infer_request()
        self._model, self._ports = model, compiled.outputs
        self._types = [np.dtype(port.get_element_type().to_dtype()) for port in compiled.inputs]
        self._inputs = [Port(port.node.get_friendly_name(), _shape(port)) for port in compiled.inputs]

    def get_inputs(self) -> list[Port]:
        """The inputs in the file's order."""
        return self._inputs

    def get_outputs(self) -> list[Port]:
        """The outputs in the file's order."""
        return self._outputs

    @cached_property
    def _outputs(self) -> list[Port]:
        names = [tensor.name for tensor in description.interface(self._model)[1]]
        return [Port(name, _shape(port)) for name, port in zip(names, self._ports, strict=True)]

    def get_modelmeta(self) -> Any:
        """An object whose `custom_metadata_map` is the file's metadata."""
        return SimpleNamespace(custom_metadata_map=description.metadata(self._model))

    def run(self, names: Sequence[str] | None, inputs: Mapping[str, Array]) -> list[Array]:
        """The named outputs, or all of them, for a batch. A batch smaller than the fixed one is filled up for the call.

        Args:
            inputs: input name → array, the examples on the first axis.

        Raises:
            UnsupportedModelError: the engine fails on this batch.
        """
        count, shape = len(next(iter(inputs.values()))), self._inputs[0].shape
        fixed = shape[0] if shape and isinstance(shape[0], int) else count
        places = np.minimum(np.arange(fixed), count - 1) if count < fixed else None
        try:
            found = self._request.infer(self._fed(inputs, places), share_inputs=True)
        except RuntimeError as error:
            raise UnsupportedModelError(f"OpenVINO cannot run it: {short_reason(str(error))}") from error
        arrays = [found[place] for place in range(len(self._outputs))]
        if places is not None:
            arrays = [array[:count] if array.ndim and len(array) == fixed else array for array in arrays]
        wanted = [port.name for port in self._outputs] if names is None else names
        known = dict(zip((port.name for port in self._outputs), arrays, strict=True))
        return [known[name] for name in wanted]

    def bound(self, inputs: Mapping[str, Array]) -> Callable[[], object]:
        """A call of the file with these inputs, which stay where they are, as do the outputs in the engine's memory."""
        import openvino

        self._bound = self._fed(inputs, None)  # kept alive: the engine has no copy
        for place, array in self._bound.items():
            self._request.set_input_tensor(place, openvino.Tensor(array, shared_memory=True))
        return partial(self._request.infer, share_outputs=True)

    def _fed(self, inputs: Mapping[str, Array], places: Array | None) -> dict[int, Array]:
        arrays = [np.asarray(inputs[port.name]) for port in self._inputs]
        chosen = arrays if places is None else [array[places] for array in arrays]
        pairs = zip(chosen, self._types, strict=True)
        return {place: np.require(array, kind, ["C", "W"]) for place, (array, kind) in enumerate(pairs)}


def compile_file(model: Path | bytes, record: RuntimeRecord, batch: int = 0) -> CompiledFile:
    """Compiles a file as its record says.

    Args:
        model: the ONNX file.
        record: precision and threads.
        batch: the fixed number of examples of one call; 0 takes any. A fixed batch of the file itself stays.

    Raises:
        UnsupportedModelError: OpenVINO has no rule for an operator, a type or a shape of the file.
    """
    return CompiledFile(_compile(model, record, batch, {}), model)


def _compile(model: Path | bytes, record: RuntimeRecord, batch: int, more: Mapping[str, Any]) -> Any:
    core = _core()
    settings = {
        "INFERENCE_NUM_THREADS": record.threads,
        "INFERENCE_PRECISION_HINT": record.precision,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,  # the process is pinned already where it is timed
        **more,
    }
    try:
        read = core.read_model(model if isinstance(model, bytes) else str(model))
        _fix_batch(read, batch)
        return core.compile_model(read, "CPU", settings)
    except RuntimeError as error:
        raise UnsupportedModelError(f"OpenVINO cannot run it: {short_reason(str(error))}") from error


def profile_calls(model: bytes, precision: str) -> list[Operators]:
    """The operators of several calls of a layer's file, with ones as its input, in one thread.

    Raises:
        UnsupportedModelError: as `compile_file`.
    """
    compiled = _compile(model, RuntimeRecord("openvino", "", precision), 0, {"PERF_COUNT": True})  # type: ignore[arg-type]
    request = compiled.create_infer_request()
    example = np.ones(compiled.inputs[0].shape, np.float32)
    found: list[Operators] = []
    for _ in repeated_calls(lambda: request.infer([example], share_inputs=True)):
        nodes = [node for node in request.get_profiling_info() if node.status.name == "EXECUTED"]
        found.append([(node.node_type, node.real_time.total_seconds() * 1000) for node in nodes])
    return found


def short_reason(message: str) -> str:
    """The part of an error of OpenVINO that says what is wrong, in one line."""
    _, has_rule, rest = message.partition(_NO_RULE)
    if has_rule:
        return f"it has no rule for {rest.splitlines()[0].strip()}"
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '", "While validating"))]
    return (telling or lines or ["no reason given"])[0].rstrip(".")[:200]


def _fix_batch(model: Any, batch: int) -> None:
    """Sets the open first axis of each input to `batch`, unless that is 0."""
    shapes = {port: port.get_partial_shape() for port in model.inputs}
    if batch and any(len(shape) and shape[0].is_dynamic for shape in shapes.values()):
        fixed = {}
        for port, shape in shapes.items():
            if len(shape) and shape[0].is_dynamic:
                shape[0] = batch
            fixed[port] = shape
        model.reshape(fixed)


def _shape(port: Any) -> tuple[int | str | None, ...]:
    return tuple(None if size.is_dynamic else size.get_length() for size in port.get_partial_shape())


@cache
def _core() -> Any:
    with _unreported():
        import openvino
    return openvino.Core()


@contextmanager
def _unreported() -> Iterator[None]:
    """Without OpenVINO's package for telemetry: at its import, OpenVINO would send an event and write an identifier.

    No variable of the environment prevents it, but OpenVINO goes without the package where that is not installed.
    """
    if _TELEMETRY in sys.modules:
        yield
        return
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[_TELEMETRY]
