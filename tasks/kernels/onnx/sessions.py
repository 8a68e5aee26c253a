"""Sessions: opens ONNX files in ONNX Runtime with a fixed number of threads, and runs them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tasks.kernels.host.measurement_lock import shared_use

Array = NDArray[Any]
Provider = Literal["cpu", "cuda"]
LEAST = np.float32(1e-30)
"""Probabilities below this count as this much, so that their logarithms are finite."""
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}

onnxruntime.disable_telemetry_events()
onnxruntime.set_default_logger_severity(3)


MEASURED = "measured"
"""Key of the metadata in which a product says which of its outputs is measured, and how it is read."""


@dataclass(frozen=True)
class MeasuredOutput:
    """Which output of a file is measured, and how it becomes one row of numbers for each example."""

    name: str
    form: Literal["rows", "probabilities", "logit", "probability"] = "rows"
    """`rows`: (count, outputs), or (count,) for a single number. `probabilities` of all classes. Of two classes: one
    `logit`, or the `probability` of the second class, (count, 1) or (count,)."""

    @property
    def remark(self) -> dict[str, str]:
        """The entry of a product's metadata."""
        return {MEASURED: json.dumps(asdict(self))}

    def rows(self, found: Array) -> Array:
        """The output as (count, outputs): floating-point numbers as float32, probabilities as their logarithms."""
        found = found.astype(np.float32) if found.dtype.kind == "f" else found
        found = found[:, None] if found.ndim == 1 else found
        if self.form == "logit":
            return np.concatenate([np.zeros_like(found), found], axis=1)
        if self.form == "probability":
            found = np.concatenate([1 - found, found], axis=1)
        return found if self.form == "rows" else np.log(np.maximum(found, LEAST))


def available(provider: Provider) -> bool:
    """Whether the installed runtime includes the execution provider (it may still fail to start)."""
    return _PROVIDERS[provider] in onnxruntime.get_available_providers()


def open_session(
    model: Path | bytes,
    threads: int = 1,
    provider: Provider = "cpu",
    optimized: bool = True,
    profile: Path | None = None,
) -> onnxruntime.InferenceSession:
    """A session that runs operators one after another, with `threads` threads inside each.

    `optimized=False` turns the runtime's graph optimizations off. With `profile`, every operator is timed, into a
    file whose path begins with it (`end_profiling` returns its name). Raises RuntimeError when the runtime cannot
    use the provider, in place of its silent fallback.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimized else levels.ORT_DISABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if threads > 1 else "0")
    # Idle sessions must not spin on the cores of the one that is timed.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if not available(provider):
        raise RuntimeError(f"this ONNX Runtime has no {_PROVIDERS[provider]}")
    source = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(source, options, providers=[_PROVIDERS[provider]])
    if session.get_providers()[0] != _PROVIDERS[provider]:
        raise RuntimeError(f"{_PROVIDERS[provider]} did not start on this machine")
    return session


def measured_output(session: onnxruntime.InferenceSession) -> MeasuredOutput:
    """The output that the file's metadata name; without them the first, as it is."""
    said = session.get_modelmeta().custom_metadata_map.get(MEASURED)
    return MeasuredOutput(**json.loads(said)) if said else MeasuredOutput(session.get_outputs()[0].name)


def taken_inputs(session: onnxruntime.InferenceSession, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The inputs that the file takes, of all that the data give: a model of fewer columns leaves some out."""
    names = {each.name for each in session.get_inputs()}
    return {name: array for name, array in inputs.items() if name in names}


def bound_call(session: Any, inputs: Mapping[str, Array]) -> Callable[[], object]:
    """A call with these inputs, in an open session of whatever engine, as cheap as it can be made.

    Inputs and outputs are bound: they stay where they are, and the next call writes its outputs over the last one's.
    Text, and outputs that are no tensors, cannot be bound in ONNX Runtime: then it is a plain `run`.
    """
    if not isinstance(session, onnxruntime.InferenceSession):
        bound: Callable[[], object] = session.bound(inputs)
        return bound
    plain = partial(session.run, None, dict(inputs))
    outputs, fed = plain(), {name: np.ascontiguousarray(array) for name, array in inputs.items()}
    if not all(isinstance(array, np.ndarray) and array.dtype.kind in "biufc" for array in (*fed.values(), *outputs)):
        return plain
    binding, value = session.io_binding(), onnxruntime.OrtValue.ortvalue_from_numpy
    for name, array in fed.items():
        binding.bind_ortvalue_input(name, value(array))
    for port, array in zip(session.get_outputs(), outputs, strict=True):
        binding.bind_ortvalue_output(port.name, value(array))
    return partial(_run_bound, session, binding, fed, outputs)


def _run_bound(session: Any, binding: Any, inputs: Mapping[str, Array], outputs: list[Array]) -> list[Array]:
    """Runs; ONNX Runtime does not keep the arrays that are bound, so that the caller must."""
    session.run_with_iobinding(binding)
    return outputs


def run_all(model: Path | bytes, inputs: Mapping[str, Array]) -> dict[str, Any]:
    """All outputs by name for some examples, on the CPU, in one batch or in the file's fixed batches.

    Outputs that are no tensors are what the runtime gives for the first batch.
    """
    session = open_session(model)
    inputs = taken_inputs(session, inputs)
    fixed, count = session.get_inputs()[0].shape[:1], len(next(iter(inputs.values())))
    step = fixed[0] if fixed and isinstance(fixed[0], int) else count
    found = [
        session.run(None, {name: np.asarray(array[at : at + step]) for name, array in inputs.items()})
        for at in range(0, count, step)
    ]
    names = [output.name for output in session.get_outputs()]
    return {
        name: np.concatenate(parts) if isinstance(parts[0], np.ndarray) else parts[0]
        for name, parts in zip(names, zip(*found, strict=True), strict=True)
    }


def predict(
    model: Path | bytes,
    inputs: Mapping[str, Array],
    batch: int = 256,
    threads: int = 1,
    provider: Provider = "cpu",
    optimized: bool = True,
    output: MeasuredOutput | None = None,
) -> Array:
    """The measured output for all examples, (count, outputs), run `batch` at a time (or the file's fixed batch).

    Args:
        inputs: input names → arrays with the examples on the first axis; text is an array of str objects.
        output: the output; absent: `measured_output`.
    """
    return predict_in(open_session(model, threads, provider, optimized), inputs, batch, output)


def predict_in(
    session: Any, inputs: Mapping[str, Array], batch: int = 256, output: MeasuredOutput | None = None
) -> Array:
    """As `predict`, in an open session, of whatever engine: it has the methods of ONNX Runtime's that are used here."""
    inputs = taken_inputs(session, inputs)
    fixed = session.get_inputs()[0].shape[:1]
    step = fixed[0] if fixed and isinstance(fixed[0], int) else batch
    output = output or measured_output(session)
    parts = (slice(at, at + step) for at in range(0, len(next(iter(inputs.values()))), step))
    outputs = []
    with shared_use() as rest:
        for part in parts:
            fed = {name: np.asarray(array[part]) for name, array in inputs.items()}
            outputs.append(session.run([output.name], fed)[0])
            rest()
    return output.rows(np.concatenate(outputs))
