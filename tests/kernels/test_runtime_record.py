"""Runtime record: it travels in the file's metadata; what a processor computes itself is known by its flags."""

from __future__ import annotations

import platform

import numpy as np
import pytest
from support import product_files

from tasks.kernels.engines.runtime_record import (
    RuntimeRecord,
    installed_engines,
    installed_version,
    native_precisions,
    read_runtime,
    with_record,
)
from tasks.kernels.onnx import description, sessions

RECORD = RuntimeRecord("openvino", "2026.4.1", "bf16", 2, 1)


def test_a_record_travels_in_the_file_and_changes_nothing_else() -> None:
    plain = product_files.image_file()
    made = with_record(plain, RECORD)
    assert read_runtime(plain) == RuntimeRecord()
    assert read_runtime(made) == RECORD
    assert description.metadata(made).items() > description.metadata(plain).items()
    inputs = product_files.images(5)
    np.testing.assert_array_equal(sessions.predict(made, inputs), sessions.predict(plain, inputs))
    again = with_record(made, RuntimeRecord("openvino", "2026.4.1", "f32", 2, 1))
    assert len(again) == len(made), "bytes decide nothing between records"
    assert read_runtime(again).precision == "f32"
    assert description.metadata(again).keys() == description.metadata(made).keys()


def test_a_record_in_words() -> None:
    assert RECORD.words == "OpenVINO bf16"
    assert RECORD.sentence == "OpenVINO 2026.4.1 bf16, 2 threads, fixed batch of 1"
    assert RuntimeRecord().words == "ONNX Runtime"
    assert RuntimeRecord(version="1.31.1").sentence == "ONNX Runtime 1.31.1 f32, 1 thread"


def test_what_is_installed() -> None:
    assert installed_version("onnxruntime") is not None
    assert installed_engines()[0] == "onnxruntime"


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the flags are those of x86")
@pytest.mark.parametrize(
    ("flags", "precisions"),
    [
        (["avx2", "avx512f", "avx512_vnni"], ("f32",)),
        (["avx512f", "avx512_bf16"], ("f32", "bf16")),
        (["amx_tile", "amx_bf16", "amx_int8"], ("f32", "bf16")),
        (["avx512_bf16", "avx512_fp16"], ("f32", "bf16", "f16")),
        ([], ("f32",)),
    ],
)
def test_a_processor_computes_what_its_flags_say(flags: list[str], precisions: tuple[str, ...]) -> None:
    assert native_precisions(flags) == precisions
