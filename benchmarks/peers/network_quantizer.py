"""NNCF: post-training quantization of the ONNX file, with the mixed preset for networks with ReLU.

https://github.com/openvinotoolkit/nncf: `nncf.quantize` with 300 calibration examples and its fast bias correction.
"""

from __future__ import annotations

from collections.abc import Iterator

from .task import Task

TOOL, PACKAGE = "NNCF", "nncf"
SUBSET = 300


def pare(task: Task) -> Iterator[tuple[str, bytes]]:
    """One file."""
    import nncf
    import onnx

    model = onnx.load_from_string(task.file)
    dataset = nncf.Dataset(
        [{"input": task.calibration[at : at + 1]} for at in range(min(SUBSET, len(task.calibration)))]
    )
    quantized = nncf.quantize(
        model,
        dataset,
        preset=nncf.QuantizationPreset.MIXED,
        target_device=nncf.TargetDevice.CPU,
        subset_size=SUBSET,
    )
    yield "int8, mixed preset", bytes(quantized.SerializeToString())
