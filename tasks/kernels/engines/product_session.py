"""Product session: opens a file in the engine that its runtime record names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.kernels.engines.runtime_record import RuntimeRecord, read_runtime
from tasks.kernels.onnx import sessions
from tasks.kernels.onnx.sessions import Array, Provider


def open_product(
    model: Path | bytes, record: RuntimeRecord, threads: int = 1, provider: Provider = "cpu", batch: int = 0
) -> Any:
    """A session of ONNX Runtime, or a `CompiledFile` of OpenVINO, which has the same methods.

    Args:
        model: the file.
        record: its engine and precision.
        threads: threads of one call.
        provider: the execution provider of ONNX Runtime.
        batch: for OpenVINO, the fixed number of examples of one call; 0 takes any.

    Raises:
        RuntimeError: ONNX Runtime cannot use the provider.
        UnsupportedModelError: OpenVINO cannot run the file.
    """
    if record.engine == "onnxruntime":
        return sessions.open_session(model, threads, provider)
    from tasks.kernels.engines.openvino_model import compile_file

    return compile_file(model, replace(record, threads=threads), batch)


def predict_product(
    model: Path | bytes, inputs: Mapping[str, Array], batch: int, threads: int = 1, provider: Provider = "cpu"
) -> Array:
    """The measured output for all examples, (count, outputs), in the engine that the file names, `batch` at a time.

    Args:
        inputs: as for `sessions.predict`.
    """
    batch = min(batch, len(next(iter(inputs.values()))))
    return sessions.predict_in(open_product(model, read_runtime(model), threads, provider, batch), inputs, batch)
