"""Quantizer placement: where a traced network needs quantizers so that the runtime can run whole operators in 8 bits.

As in post-training quantization, these values are quantized: each chosen layer's input, each convolution's output,
and the outputs of operators between them that have an 8-bit form. Where a ReLU follows, the value after it is
quantized in place of the one before.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.nn.utils import fusion

from tasks.kernels.graph import layers
from tasks.kernels.graph.tracing import to_device_of
from tasks.kernels.quantization import fake_quantization
from tasks.kernels.quantization.number_formats import Range, extremes

_RELU6 = (nn.ReLU6, functional.relu6)
_RELUS = (*_RELU6, nn.ReLU, functional.relu, torch.relu, "relu", "relu_")
_SUMS = (operator.add, operator.iadd, torch.add, "add", "add_")
_NEW_RANGE = (
    *(torch.cat, nn.AvgPool1d, nn.AvgPool2d, functional.avg_pool2d, nn.LeakyReLU, functional.leaky_relu),
    *_RELUS,
)
_SAME_RANGE = (
    *(nn.MaxPool1d, nn.MaxPool2d, functional.max_pool1d, functional.max_pool2d, nn.Flatten, torch.flatten),
    *(torch.reshape, torch.transpose, torch.permute, torch.squeeze, torch.unsqueeze, operator.getitem),
    *("flatten", "reshape", "view", "transpose", "permute", "squeeze", "unsqueeze", "contiguous"),
)
_NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, functional.dropout)
"""Layers that are absent from the exported graph."""


def quantizable_layers(traced: fx.GraphModule) -> list[str]:
    """Names of the linear layers and convolutions that can run in 8 bits, in the order of the graph.

    Only layers that the graph calls directly: no parts of composite layers, and no subclasses.
    """
    names = [str(node.target) for node in traced.graph.nodes if node.op == "call_module"]
    kinds = fake_quantization.KINDS
    return list(dict.fromkeys(name for name in names if type(traced.get_submodule(name)) in kinds))


def fold_batch_norms(traced: fx.GraphModule) -> fx.GraphModule:
    """Folds each batch norm into the convolution or linear layer before it, in place, and returns `traced`.

    The norm must be the only reader of the layer's output, and neither may be shared or called twice.
    """
    tied = layers.shared(traced)
    calls = [node.target for node in traced.graph.nodes if node.op == "call_module"]
    for node in list(traced.graph.nodes):
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) > 1:
            continue
        names = str(before.target), str(node.target)
        layer, norm = (traced.get_submodule(name) for name in names)
        if any(calls.count(name) > 1 or name in tied for name in names) or not _folds(layer, norm, before):
            continue
        merge: Any = fusion.fuse_linear_bn_eval if type(layer) is nn.Linear else fusion.fuse_conv_bn_eval
        traced.set_submodule(names[0], merge(layer, norm))
        node.replace_all_uses_with(before)
        traced.graph.erase_node(node)
        traced.delete_submodule(names[1])
    traced.recompile()
    return traced


def _folds(layer: nn.Module, norm: Any, node: fx.Node) -> bool:
    if type(norm) not in layers.BATCH_NORMS or norm.running_mean is None or not norm.affine:
        return False
    # A batch norm's channels are the second axis: a linear layer's only where it has two.
    return type(layer) in layers.CONVOLUTIONS or (type(layer) is nn.Linear and len(node.meta["shape"]) == 2)


def quantizer_sites(traced: fx.GraphModule, names: Collection[str]) -> dict[str, str]:
    """The values to quantize when the layers `names` run in 8 bits: node name → name of its quantizer.

    A quantizer is named after the node whose range it has. Operators that only rearrange values share the quantizer
    of their input.
    """
    found: dict[str, str] = {}
    owner: dict[fx.Node, str] = {}

    def stand(node: fx.Node, key: str | None = None) -> None:
        found[node.name] = owner[node] = key or node.name

    for node in traced.graph.nodes:
        data = [each for each in node.all_input_nodes if "shape" in each.meta]
        kind = _kind(traced, node)
        if node in owner or not data:
            continue
        if node.op == "call_module" and node.target in names:
            if data[0] not in owner:
                stand(data[0])
            if kind is not nn.Linear:
                stand(_behind_relu(traced, node))
        elif data[0] in owner and kind in _NOTHING:
            owner[node] = owner[data[0]]
        elif data[0] in owner and (kind in _SAME_RANGE or _pads_zeros(node)):
            stand(node, owner[data[0]])
        elif all(each in owner for each in data) and (kind in _NEW_RANGE or (kind in _SUMS and len(data) == 2)):
            stand(_behind_relu(traced, node))
    return found


def _kind(traced: fx.GraphModule, node: fx.Node) -> Any:
    """A module's class, a function, or a method's name."""
    return type(traced.get_submodule(str(node.target))) if node.op == "call_module" else node.target


def _behind_relu(traced: fx.GraphModule, node: fx.Node) -> fx.Node:
    """The ReLU that is the node's only reader (the runtime fuses both), otherwise the node."""
    reader = next(iter(node.users), node)
    return reader if len(node.users) == 1 and _kind(traced, reader) in _RELUS else node


def _pads_zeros(node: fx.Node) -> bool:
    if node.target is not functional.pad:
        return False
    mode, value = [*node.args[2:], *[None] * 2][:2]
    mode, value = node.kwargs.get("mode", mode), node.kwargs.get("value", value)
    return mode in (None, "constant") and not value


def observe_ranges(traced: fx.GraphModule, found: Mapping[str, str], batches: Iterable[Tensor]) -> dict[str, Range]:
    """Lowest and highest value of each quantizer's tensor over all batches; NaN when it holds a NaN.

    `found` is the result of `quantizer_sites`; `batches` yields network inputs.
    """
    wanted = set(found.values())

    class Watch(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            result = super().run_node(n)
            if n.name in wanted:
                seen[n.name] = result.cpu().numpy()
            return result

    def parts() -> Any:
        for batch in batches:
            seen.clear()
            Watch(traced).run(to_device_of(traced, batch))
            yield dict(seen)

    seen: dict[str, Any] = {}
    with torch.no_grad():
        return extremes(parts())


def place_quantizers(
    traced: fx.GraphModule, names: Collection[str], found: Mapping[str, str], limits: Mapping[str, Range], bits: int
) -> fx.GraphModule:
    """Inserts the quantizers and makes the layers `names` fake-quantized, in place; returns `traced`.

    `found` is the result of `quantizer_sites`, `limits` that of `observe_ranges`; `bits` (7 or 8) are those of the
    weights.
    """
    device = next(traced.parameters()).device
    for node in list(traced.graph.nodes):
        if node.name in limits:
            traced.add_submodule(f"quantizers.{node.name}", fake_quantization.Quantizer(limits[node.name], device))
        if node.name in found and _kind(traced, node) in _RELU6:
            # The quantizer clips; once its scale grows, a bound at 6 would keep the runtime from fusing the two.
            node.op, node.target, node.kwargs = "call_function", functional.relu, {}
        if node.name in found:
            with traced.graph.inserting_after(node):
                quantized = traced.graph.call_module(f"quantizers.{found[node.name]}", (node,))
            node.replace_all_uses_with(quantized, delete_user_cb=lambda user, own=quantized: user is not own)
    for node in list(traced.graph.nodes):
        if node.op == "call_module" and node.target in names:
            with traced.graph.inserting_before(node):
                scale = traced.graph.get_attr(f"{_quantizer_of(node)}.log_scale")
            node.args = (node.args[0], scale)
    for name in names:
        fake_quantization.quantize_layer(traced.get_submodule(name), bits)
    traced.recompile()
    return traced


def _quantizer_of(node: fx.Node) -> str:
    """The quantizer that a layer reads, possibly through layers that are absent from the exported graph."""
    while not str(node.target).startswith("quantizers."):
        node = node.all_input_nodes[0]
    return str(node.target)
