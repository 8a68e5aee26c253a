"""Int8 variants: the settings with which a graph can be quantized, and the file that each setting gives."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from tasks.kernels.onnx.sessions import Array
from tasks.kernels.onnx_passes.cleanup import clean
from tasks.kernels.onnx_passes.dynamic_quantization import quantize_dynamic
from tasks.kernels.onnx_passes.pixel_folding import fold_pixels
from tasks.kernels.onnx_passes.static_quantization import collect_ranges, fuse, quantizable, quantize
from tasks.kernels.quantization.number_formats import Calibration, Range, Variant


@dataclass(frozen=True)
class Setting:
    """Number formats, granularity of the scales, and the calibration method."""

    variant: Variant | Literal["dynamic"]
    per_channel: bool
    calibration: Calibration | None
    """None for `dynamic`, which needs no calibration."""
    pixels: bool = False
    """Whether the first convolution reads the user's raw pixels (`fold_pixels`)."""


@dataclass(frozen=True)
class Source:
    """A graph ready to be quantized, and the ranges of tensors that need no calibration."""

    graph: bytes
    fixed: Mapping[str, Range]


def source(model: bytes, pixels: bool) -> Source | None:
    """The file cleaned, fused and with inferred shapes; None when `pixels` is wanted but they cannot be folded."""
    cleaned = fuse(clean(model))
    if not pixels:
        return Source(cleaned, {})
    folded = fold_pixels(cleaned)
    return None if folded is None else Source(*folded)


def build_variant(graph: bytes, nodes: Collection[str], ranges: Mapping[str, Range], setting: Setting) -> bytes:
    """The graph of a Source with `nodes` quantized by `setting`; `ranges` includes `Source.fixed`. Deterministic."""
    if setting.variant == "dynamic":
        return quantize_dynamic(graph, nodes, setting.per_channel)
    return quantize(graph, nodes, ranges, setting.variant, setting.per_channel)


def usual_variant(model: bytes, inputs: Mapping[str, Array]) -> bytes:
    """The file as `int8` would first try it; with its ranges from a few `inputs`, it is good enough to be timed."""
    graph = fuse(clean(model))
    nodes = quantizable(graph)
    return quantize(graph, nodes, collect_ranges(graph, nodes, [inputs], "minmax"), "u8s8_reduced")
