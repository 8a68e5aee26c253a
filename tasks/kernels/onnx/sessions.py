"""Sessions: opens ONNX files in ONNX Runtime with a fixed number of threads, and runs them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tasks.kernels.host.measurement_lock import shared_use

Array = NDArray[Any]
Provider = Literal["cpu", "cuda"]
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}

onnxruntime.disable_telemetry_events()
onnxruntime.set_default_logger_severity(3)


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


def predict(
    model: Path | bytes,
    inputs: Mapping[str, Array],
    batch: int = 256,
    threads: int = 1,
    provider: Provider = "cpu",
    optimized: bool = True,
) -> Array:
    """The first output for all examples, (count, …), run `batch` at a time (or the file's fixed batch).

    `inputs` maps input names to arrays with the examples on the first axis; text is an array of str objects.
    """
    session = open_session(model, threads, provider, optimized)
    fixed = session.get_inputs()[0].shape[:1]
    step = fixed[0] if fixed and isinstance(fixed[0], int) else batch
    first = [session.get_outputs()[0].name]
    parts = (slice(at, at + step) for at in range(0, len(next(iter(inputs.values()))), step))
    outputs = []
    with shared_use() as rest:
        for part in parts:
            outputs.append(session.run(first, {name: np.asarray(array[part]) for name, array in inputs.items()})[0])
            rest()
    return np.concatenate(outputs)
