"""ONNX Runtime: runs an ONNX file, describes it, and rewrites it in eight bits. The one door to that runtime."""

from tasks.kernels.runtime.cleaning import clean, without_shapes
from tasks.kernels.runtime.conversion import convert
from tasks.kernels.runtime.descriptions import (
    Description,
    Tensor,
    batch_of,
    count_operators,
    describe,
    interface,
    metadata,
)
from tasks.kernels.runtime.rewriting import collect_ranges, fuse, layer_names, quantizable, quantize
from tasks.kernels.runtime.saturation import saturates
from tasks.kernels.runtime.sessions import Provider, available, open_session, predict

__all__ = [
    "Description",
    "Provider",
    "Tensor",
    "available",
    "batch_of",
    "clean",
    "collect_ranges",
    "convert",
    "count_operators",
    "describe",
    "fuse",
    "interface",
    "layer_names",
    "metadata",
    "open_session",
    "predict",
    "quantizable",
    "quantize",
    "saturates",
    "without_shapes",
]
