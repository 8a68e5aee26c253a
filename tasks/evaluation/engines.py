"""Engines: which runtimes and precisions a recipe measures on this host, and what a file needs in order to run here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core import InputError, Refusal, Runtime

if TYPE_CHECKING:
    from tasks.kernels.engines.runtime_record import Engine, Precision, RuntimeRecord

INSTALL = "pip install 'paredown[openvino]'"


def engines_of(runtime: Runtime) -> tuple[Engine, ...]:
    """The engines in which the recipe's files are measured."""
    from tasks.kernels.engines.runtime_record import installed_engines

    if runtime.engine is not None:
        return runtime.engine
    return installed_engines() if runtime.provider == "cpu" else ("onnxruntime",)


def second_runtimes_of(runtime: Runtime) -> tuple[RuntimeRecord, ...]:
    """The ways in which OpenVINO may run a file on this host, one for each precision; none without OpenVINO."""
    from tasks.kernels.engines.runtime_record import RuntimeRecord, installed_version, native_precisions

    if "openvino" not in engines_of(runtime):
        return ()
    version = installed_version("openvino") or ""
    precisions: tuple[Precision, ...] = runtime.precision or native_precisions()
    return tuple(RuntimeRecord("openvino", version, each, runtime.threads, runtime.batch) for each in precisions)


def timing_runtime(runtime: Runtime) -> RuntimeRecord:
    """How techniques and searches run what they time: in the first engine that the recipe names, by default in ONNX
    Runtime; in OpenVINO with the first precision of the recipe, by default the lowest of this processor."""
    from tasks.kernels.engines.runtime_record import RuntimeRecord

    if runtime.engine is None or runtime.engine[0] == "onnxruntime":
        return RuntimeRecord()
    ways = second_runtimes_of(runtime)
    return ways[0] if runtime.precision else ways[-1]


def timing_host(runtime: Runtime) -> str:
    """The host's name (`machine.host_name`), with OpenVINO's version where techniques and searches time in it."""
    return _host_name(timing_runtime(runtime).engine == "openvino")


def host_of(runtime: Runtime) -> str:
    """The host's name (`machine.host_name`), with OpenVINO's version where the recipe measures in it."""
    return _host_name("openvino" in engines_of(runtime))


def _host_name(has_openvino: bool) -> str:
    from tasks.kernels.engines.runtime_record import installed_version
    from tasks.kernels.host.machine import host_name

    return f"{host_name()}, openvino {installed_version('openvino')}" if has_openvino else host_name()


def check_runtime(runtime: Runtime) -> None:
    """Checks that the execution provider, the engines and the precisions can be used on this host.

    Raises:
        InputError: one is not installed, or the processor only emulates a precision.
    """
    from tasks.kernels.engines.runtime_record import installed_version, native_precisions
    from tasks.kernels.onnx import sessions

    if not sessions.available(runtime.provider):
        law = "must be an execution provider of the installed ONNX Runtime"
        raise InputError(law, path="runtime.provider", value=runtime.provider, nearest="cpu")
    for engine in engines_of(runtime):
        if installed_version(engine) is None:
            raise InputError(
                f"must be installed: {INSTALL}", path="runtime.engine", value=engine, nearest="onnxruntime"
            )
    emulated = [each for each in runtime.precision or () if each not in native_precisions()]
    if emulated:
        law = "must be computed by the processor itself: this one only emulates it, which is slower than f32"
        raise InputError(law, path="runtime.precision", value=emulated[0], nearest=" or ".join(native_precisions()))


def check_record(record: RuntimeRecord, file: str) -> None:
    """Checks that a file can run here as its record says.

    Args:
        record: the file's own.
        file: what messages call the file.

    Raises:
        InputError: the engine is not installed, or the processor only emulates the precision.
    """
    from tasks.kernels.engines.runtime_record import TITLES, installed_version, native_precisions

    if installed_version(record.engine) is None:
        law = f"{file} runs in {TITLES[record.engine]}, which must be installed: {INSTALL}"
        raise InputError(law, path="runtime.engine", value=record.engine)
    if record.precision not in native_precisions():
        law = f"{file} was chosen for {record.words}, which this processor only emulates: run `paredown optimize` here"
        raise InputError(law, path="runtime.precision", value=record.precision)


def check_engine(model: Path) -> None:
    """`check_record` of the record in a file."""
    from tasks.kernels.engines.runtime_record import read_runtime

    check_record(read_runtime(model), "the file")


def runtime_of_file(model: Path, runtime: Runtime) -> RuntimeRecord:
    """How a file runs; where it does not say so itself, in ONNX Runtime with the recipe's threads."""
    from tasks.kernels.engines.runtime_record import RUNTIME, RuntimeRecord, installed_version, read_runtime
    from tasks.kernels.onnx import description

    if RUNTIME in description.metadata(model):
        return read_runtime(model)
    return RuntimeRecord(version=installed_version("onnxruntime") or "", threads=runtime.threads)


@contextmanager
def said_as_refusal() -> Iterator[None]:
    """Turns the error that an engine cannot run a file into a Refusal."""
    from tasks.kernels.engines.openvino_model import UnsupportedModelError

    try:
        yield
    except UnsupportedModelError as error:
        raise Refusal(str(error)) from error


def version_doubt(model: Path) -> str | None:
    """A sentence where another version of its engine is installed than the one a file was measured in; else None."""
    from tasks.kernels.engines.runtime_record import TITLES, installed_version, read_runtime

    record = read_runtime(model)
    here = installed_version(record.engine)
    if not record.version or here == record.version:
        return None
    known = f"the product was measured in {TITLES[record.engine]} {record.version}, but {here} is installed"
    way_out = f"install {record.engine}=={record.version}, or run `paredown optimize` again"
    return f"{known}, whose answers and times may differ: {way_out}"
