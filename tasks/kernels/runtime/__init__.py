"""ONNX Runtime: runs an ONNX file, describes it, and rewrites it in eight bits. The one door to that runtime."""

from tasks.kernels.runtime.conversion import convert
from tasks.kernels.runtime.descriptions import Description, Tensor, describe, metadata
from tasks.kernels.runtime.rewriting import collect_ranges, fuse, quantizable, quantize
from tasks.kernels.runtime.sessions import Provider, available, open_session, predict

__all__ = [
    "Description",
    "Provider",
    "Tensor",
    "available",
    "collect_ranges",
    "convert",
    "describe",
    "fuse",
    "metadata",
    "open_session",
    "predict",
    "quantizable",
    "quantize",
]
