"""Pixel folding: lets the first convolution of a quantized network read the user's raw pixels."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from tasks.kernels.onnx.graph_reading import operator_of
from tasks.kernels.onnx.serialization import dump, load_proto
from tasks.kernels.onnx.sessions import Array
from tasks.kernels.onnx.subgraphs import hide_subgraphs, restore_subgraphs
from tasks.kernels.onnx_passes import fusion_patterns
from tasks.kernels.onnx_passes.finalize import drop_unused, finalize_graph
from tasks.kernels.quantization.number_formats import Range


def fold_pixels(cleaned: bytes) -> tuple[bytes, dict[str, Range]] | None:
    """Folds the Mul and Add of uint8 pixels → Cast → Transpose → Mul → Add → Conv into the convolution's weights.

    The convolution then reads `pixel - zero`, whose 8 bits are the pixel itself: nothing is rounded before it, and
    the runtime saves four operators. Inside the image the output is unchanged. At its border, the convolution's
    padding now means the pixel value `zero` in all channels, and no longer each channel's mean: the difference is
    small where these means are close, and has to be measured.

    Returns the file and the ranges of the tensors before the convolution, which need no calibration; None when the
    graph does not begin with these operators.
    """
    proto = load_proto(cleaned)
    bodies = hide_subgraphs(proto)
    found = fusion_patterns.view(proto)
    chain = _chain(found)
    if chain is None:
        return None
    conv, add, mul, transpose, cast = chain
    gain, shift = (_factor(found, node) for node in (mul, add))
    weight = found.constants[conv.input[1]].astype(np.float64)
    if gain is None or shift is None or not (gain > 0).all() or not gain.size == shift.size == weight.shape[1]:
        return None
    force = gain**2 * (weight**2).sum((0, 2, 3))
    zero = int(np.clip(np.round((force * -shift / gain).sum() / max(force.sum(), 1e-30)), 0, 255))
    bias = found.constants[conv.input[2]] if len(conv.input) > 2 else np.zeros(len(weight), np.float32)
    moved = bias + (weight * (gain * zero + shift)[:, None, None]).sum((1, 2, 3))
    names = {"weight": weight * gain[:, None, None], "bias": moved}
    added = [found.add(f"{conv.output[0]}_{name}_of_pixels", each.astype(np.float32)) for name, each in names.items()]
    one = found.add(f"{cast.output[0]}_scale", np.array(1, np.float32))
    offset = found.add(f"{cast.output[0]}_zero", np.array(zero, np.uint8))
    planes = transpose.output[0]
    cast.CopyFrom(helper.make_node("DequantizeLinear", [cast.input[0], one, offset], [cast.output[0]], cast.name))
    conv.input[:] = [planes, *added]
    for node in (mul, add):
        proto.graph.node.remove(node)
    drop_unused(proto.graph)
    del proto.graph.value_info[:]
    restore_subgraphs(proto, bodies)
    written = onnx.shape_inference.infer_shapes(proto)
    limits = (float(-zero), float(255 - zero))
    return dump(finalize_graph(written, proto)), dict.fromkeys((cast.output[0], planes), limits)


def _chain(found: fusion_patterns.GraphView) -> list[onnx.NodeProto] | None:
    """The nodes Conv, Add, Mul, Transpose and Cast, where the Cast reads a uint8 input; None without such a chain."""
    pixels = {item.name for item in found.graph.input if item.type.tensor_type.elem_type == onnx.TensorProto.UINT8}
    for conv in found.graph.node:
        if operator_of(conv) != "Conv" or conv.input[1] not in found.constants:
            continue
        chain = [conv]
        for operator in ("Add", "Mul", "Transpose", "Cast"):
            node = found.before(chain[-1].input[0], operator)
            chain += [node] if node is not None else []
        if len(chain) == 5 and chain[-1].input[0] in pixels:
            return chain
    return None


def _factor(found: fusion_patterns.GraphView, node: onnx.NodeProto) -> Array | None:
    """The node's constant as one number for each channel, (channels,); None when it is anything else."""
    value = found.constants.get(node.input[1])
    fits = value is not None and value.ndim == 4 and value.size == value.shape[1]
    return value.astype(np.float64).ravel() if value is not None and fits else None
