"""ONNX Runtime's own quantizer: its documented default, and what its documentation advises for x86-64.

https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html: pre-process first; S8S8 with QDQ is
the default and the first choice; where it is slow, U8S8; where that saturates (AVX2 or AVX-512 without VNNI),
reduced range. Whether it does is measured here, by offering both.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .task import Task

TOOL, PACKAGE = "ONNX Runtime's quantizer", "onnxruntime"
BATCH = 64


def pare(task: Task) -> Iterator[tuple[str, bytes]]:
    """Three files: S8S8 as the documentation's default, and U8S8 with weights of 8 and of 7 bits."""
    yield "S8S8 per channel", quantize(task.file, task.calibration, unsigned=False, reduced=False)
    yield "U8S8 per channel", quantize(task.file, task.calibration, unsigned=True, reduced=False)
    yield "U8S8 per channel, reduced range", quantize(task.file, task.calibration, unsigned=True, reduced=True)


def quantize(file: bytes, calibration: NDArray[np.float32], *, unsigned: bool, reduced: bool) -> bytes:
    """A file in eight bits: QDQ, per channel, ranges from the smallest and largest values."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.batches = ({"input": calibration[at : at + BATCH]} for at in range(0, len(calibration), BATCH))

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            return next(self.batches, None)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "float.onnx").write_bytes(file)
        quant_pre_process(folder / "float.onnx", folder / "prepared.onnx")
        quantize_static(
            folder / "prepared.onnx",
            folder / "quantized.onnx",
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=reduced,
            activation_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
            weight_type=QuantType.QInt8,
        )
        return (folder / "quantized.onnx").read_bytes()
