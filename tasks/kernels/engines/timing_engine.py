"""Timing engine: where techniques run and time files while they plan; ONNX Runtime, unless a context says otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tasks.kernels.engines.product_session import open_product
from tasks.kernels.engines.runtime_record import RuntimeRecord
from tasks.kernels.onnx import sessions
from tasks.kernels.onnx.sessions import Array

BATCH = 64
"""Examples of one call where answers are computed in OpenVINO, which compiles a file for a fixed batch."""

_record: ContextVar[RuntimeRecord | None] = ContextVar("timing record", default=None)


@contextmanager
def timed_in(record: RuntimeRecord) -> Iterator[None]:
    """Inside the context, files are run and timed in the engine and precision of the record, with one thread."""
    token = _record.set(record)
    try:
        yield
    finally:
        _record.reset(token)


def timing_record() -> RuntimeRecord:
    """The record of the context; without one, of float32 in ONNX Runtime."""
    return _record.get() or RuntimeRecord()


def open_timed(model: bytes, batch: int = 1) -> Any:
    """A session of one thread in the engine of the context; OpenVINO compiles for this fixed batch.

    Raises:
        UnsupportedModelError: OpenVINO cannot run the file.
    """
    return open_product(model, timing_record(), batch=batch)


def answer_timed(model: bytes, inputs: Mapping[str, Array]) -> Array:
    """The measured output for all examples, (count, outputs), in the engine of the context.

    Raises:
        UnsupportedModelError: OpenVINO cannot run the file.
    """
    if timing_record().engine == "onnxruntime":
        return sessions.predict(model, inputs)
    batch = min(BATCH, len(next(iter(inputs.values()))))
    return sessions.predict_in(open_timed(model, batch), inputs, batch)
