"""Runtime record: which engine runs a file, of which version and how, in the metadata of the file."""

from __future__ import annotations

import json
import platform
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, get_args

from tasks.kernels.host.machine import instruction_flags
from tasks.kernels.onnx import compose, description
from tasks.kernels.onnx.serialization import load_proto

Engine = Literal["onnxruntime", "openvino"]
Precision = Literal["f32", "bf16", "f16"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
TITLES: Mapping[str, str] = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
RUNTIME = "runtime"
"""Key of the metadata that holds the record."""
_WIDTH = 128
"""Characters of a record in the metadata, blanks at its end included."""
_NATIVE: Mapping[Precision, Mapping[str, tuple[str, ...]]] = {
    "bf16": {"x86_64": ("avx512_bf16", "amx_bf16"), "aarch64": ("bf16",)},
    "f16": {"x86_64": ("avx512_fp16", "amx_fp16"), "aarch64": ("asimdhp",)},
}
"""The instruction sets that compute a precision in hardware: any one of them does."""


@dataclass(frozen=True)
class RuntimeRecord:
    """How a file runs."""

    engine: Engine = "onnxruntime"
    version: str = ""
    """The engine's version when the file was measured; empty where the file does not say it."""
    precision: Precision = "f32"
    """The precision in which the engine computes what is not quantized."""
    threads: int = 1
    batch: int = 0
    """The fixed number of examples of one call; 0 where it may be any."""

    @property
    def words(self) -> str:
        """Engine and precision as text, as they stand in names: `OpenVINO bf16`; ONNX Runtime computes in float32."""
        return TITLES[self.engine] if self.engine == "onnxruntime" else f"{TITLES[self.engine]} {self.precision}"

    @property
    def sentence(self) -> str:
        """All of it as text."""
        named = " ".join(filter(None, (TITLES[self.engine], self.version, self.precision)))
        batch = f", fixed batch of {self.batch}" if self.batch else ""
        return f"{named}, {self.threads} thread{'' if self.threads == 1 else 's'}{batch}"


def installed_version(engine: Engine) -> str | None:
    """The installed version of an engine; None where it is not installed. Imports nothing of it."""
    try:
        return metadata.version(engine)
    except metadata.PackageNotFoundError:
        return None


def installed_engines() -> tuple[Engine, ...]:
    """The engines that are installed here."""
    return tuple(engine for engine in ENGINES if installed_version(engine) is not None)


def native_precisions(flags: Collection[str] | None = None) -> tuple[Precision, ...]:
    """The precisions that a processor computes in hardware; others are emulated, and slower than float32.

    Args:
        flags: the processor's instruction sets; absent: those of this host.
    """
    known = set(instruction_flags() if flags is None else flags)
    machine = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    native = [name for name, sets in _NATIVE.items() if known & set(sets.get(machine, ()))]
    return ("f32", *native)


def read_runtime(model: Path | bytes) -> RuntimeRecord:
    """The record in a file's metadata; without one the file runs in ONNX Runtime."""
    said = description.metadata(model).get(RUNTIME)
    return record_from(json.loads(said)) if said else RuntimeRecord()


def record_from(fields: Mapping[str, Any]) -> RuntimeRecord:
    """The record of its `dataclasses.asdict`."""
    return RuntimeRecord(**fields)


def with_record(model: bytes, record: RuntimeRecord) -> bytes:
    """The file with this record in its metadata, in place of its own."""
    # Filled up, so that files that differ in their records alone have one size: bytes decide between equal latencies.
    remarks = description.metadata(model) | {RUNTIME: json.dumps(asdict(record)).ljust(_WIDTH)}
    return compose.label(load_proto(model), remarks)
