"""Fake quantization: layers that compute in float what they will compute in eight bits, and can still be trained.

Activations are 0..255 with a zero point, one scale a tensor, learned (Esser et al. 2020, "Learned Step Size
Quantization"); weights are symmetric, one scale an output channel, from their maxima. `frozen` turns both into
the integers that are stored.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from tasks.kernels.quantization.number_formats import Range

LEVELS = 255
"""The highest of an activation's integers; the lowest is 0."""
LIMITS = {7: 64, 8: 127}
"""Largest integer of a weight by its bits. With 64 two products fit into 16 bits: 2 x 255 x 64 < 2^15."""
FLOOR = 1e-4
"""No channel's scale is smaller than this share of its layer's largest: its bias would not fit into 32 bits."""


class _Round(torch.autograd.Function):
    """Rounds to the grid and back. Gradient: straight through inside the range; Esser et al.'s for the scale."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, log_scale: Tensor, zero: int) -> Tensor:
        scale, lowest = log_scale.exp(), -zero
        steps = (values / scale).round_()
        rounded = steps.clamp(lowest, LEVELS + lowest)
        inside = rounded == steps
        rounded.mul_(scale)
        # d rounded / d log scale: the rounding error inside the range, and the range's end outside.
        ctx.save_for_backward(inside, torch.mul(values, inside, out=steps).neg_().add_(rounded))
        return rounded

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        inside, slope = ctx.saved_tensors
        moved = slope.mul(gradient).sum() / math.sqrt(slope.numel() * LEVELS)
        return gradient * inside, moved, None


class Quantizer(nn.Module):
    """Rounds a tensor to 256 levels of a learned scale; zero is one of them."""

    def __init__(self, limits: Range, device: torch.device | None = None) -> None:
        """`limits` are the lowest and the highest value that it starts with; widened to hold zero."""
        super().__init__()
        low, high = min(limits[0], 0.0), max(limits[1], 0.0)
        scale = max(high - low, 1e-8) / LEVELS
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale), device=device))
        self.zero = round(-low / scale)

    def forward(self, values: Tensor) -> Tensor:
        """The values on the grid, in float; any shape."""
        rounded: Tensor = _Round.apply(values, self.log_scale, self.zero)  # type: ignore[no-untyped-call]
        return rounded

    def extra_repr(self) -> str:
        """The zero point, which training does not move."""
        return f"zero={self.zero}"


class _Quantized(nn.Module):
    """Adds to a layer: it computes with its weight, and its bias, on the grids on which they will be stored."""

    bits: int
    weight: Tensor
    bias: Tensor | None

    def integers(self) -> tuple[Tensor, Tensor]:
        """The weight in whole numbers, in float, and its scales: one for each output channel, (channels,)."""
        weight = self.weight.detach()
        largest = weight.flatten(1).abs().amax(1)
        scales = largest.clamp(min=max(FLOOR * float(largest.max()), 1e-8)) / LIMITS[self.bits]
        return (weight / _along(scales, 0, weight)).round(), scales

    def whole_bias(self, scales: Tensor, log_scale: Tensor) -> tuple[Tensor, Tensor]:
        """The bias in whole numbers of 32 bits, in double, and its units: input's scale x channel's scale."""
        assert self.bias is not None
        units, most = scales * log_scale.detach().exp(), torch.iinfo(torch.int32).max
        return (self.bias.detach() / units.double()).round().clamp(-most, most), units

    def forward(self, values: Tensor, log_scale: Tensor) -> Tensor:
        """`values` on the grid of a quantizer with `log_scale`. Gradients go straight through the rounding."""
        integers, scales = self.integers()
        weight, bias = _straight(self.weight, integers * _along(scales, 0, integers)), None
        if self.bias is not None:
            whole, units = self.whole_bias(scales, log_scale)
            bias = _straight(self.bias, (whole * units).to(self.bias))
        return self.compute(values, weight, bias)

    def compute(self, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The layer itself, with this weight and bias."""
        answer: Tensor = self._conv_forward(values, weight, bias)  # type: ignore[operator]
        return answer


class QuantizedConv1d(_Quantized, nn.Conv1d):  # type: ignore[misc]
    """A convolution in 8 bits."""


class QuantizedConv2d(_Quantized, nn.Conv2d):  # type: ignore[misc]
    """A convolution in 8 bits."""


class QuantizedConv3d(_Quantized, nn.Conv3d):  # type: ignore[misc]
    """A convolution in 8 bits."""


class QuantizedLinear(_Quantized, nn.Linear):  # type: ignore[misc]
    """A linear layer in 8 bits."""

    def compute(self, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The layer itself, with this weight and bias."""
        return functional.linear(values, weight, bias)


KINDS: dict[type[nn.Module], type[_Quantized]] = {
    nn.Conv1d: QuantizedConv1d,
    nn.Conv2d: QuantizedConv2d,
    nn.Conv3d: QuantizedConv3d,
    nn.Linear: QuantizedLinear,
}
"""The layers that can run in eight bits."""


def quantize_layer(layer: Any, bits: int) -> None:
    """Makes a layer of one of KINDS quantized, in place: its parameters, their names and its settings stay."""
    layer.__class__, layer.bits = KINDS[type(layer)], bits


def is_quantized(model: nn.Module) -> bool:
    """Whether the network has fake-quantized parts."""
    return any(isinstance(module, Quantizer | _Quantized) for module in model.modules())


def _straight(exact: Tensor, rounded: Tensor) -> Tensor:
    """Just `rounded`, with the gradient of `exact`."""
    return exact - exact.detach() + rounded


def _along(scales: Tensor, axis: int, tensor: Tensor) -> Tensor:
    """One number for each slice along `axis`, or a single one, ready to broadcast against the tensor."""
    return scales.reshape([-1 if place == axis else 1 for place in range(tensor.dim())]) if scales.dim() else scales


# What is stored: integers, and two operators that ONNX has, too.


@torch.library.custom_op("paredown::quantize", mutates_args=())
def quantize_tensor(values: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    """ONNX's QuantizeLinear of a whole tensor: round half to even, then clip to 0..255."""
    return ((values / scale).round() + zero).clamp(0, LEVELS).to(torch.uint8)


@torch.library.custom_op("paredown::dequantize", mutates_args=())
def dequantize(integers: Tensor, scale: Tensor, zero: Tensor, axis: int) -> Tensor:
    """ONNX's DequantizeLinear; with a scale for each slice along `axis`, or a single one."""
    return (integers.float() - _along(zero.float(), axis, integers)) * _along(scale, axis, integers)


@quantize_tensor.register_fake
def _(values: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    return torch.empty_like(values, dtype=torch.uint8)


@dequantize.register_fake
def _(integers: Tensor, scale: Tensor, zero: Tensor, axis: int) -> Tensor:
    return torch.empty_like(integers, dtype=torch.float32)


class FrozenQuantizer(nn.Module):
    """A quantizer with its scale as it is now."""

    def __init__(self, origin: Quantizer) -> None:
        super().__init__()
        scale = origin.log_scale.detach().exp()
        self.register_buffer("scale", scale)
        self.register_buffer("zero", torch.tensor(origin.zero, dtype=torch.uint8, device=scale.device))

    def forward(self, values: Tensor) -> Tensor:
        rounded: Tensor = dequantize(quantize_tensor(values, self.scale, self.zero), self.scale, self.zero, 0)
        return rounded


class FrozenLayer(nn.Module):
    """A quantized layer with its weight in int8 and its bias in int32."""

    def __init__(self, origin: _Quantized, log_scale: Tensor) -> None:
        super().__init__()
        integers, scale = origin.integers()
        weight = integers.to(torch.int8)
        self.compute, self.linear = origin.compute, isinstance(origin, nn.Linear)
        self.register_buffer("weight", weight)
        self.register_buffer("turned", weight.t().contiguous() if self.linear else None)
        self.register_buffer("scale", scale)
        self.register_buffer("zero", torch.zeros(len(scale), dtype=torch.int8))
        self.register_buffer("bias", None)
        if origin.bias is not None:
            whole, units = origin.whole_bias(scale, log_scale)
            self.register_buffer("bias", whole.to(torch.int32))
            self.register_buffer("bias_scale", units)
            self.register_buffer("bias_zero", torch.zeros(len(scale), dtype=torch.int32))

    def forward(self, values: Tensor) -> Tensor:
        bias = None if self.bias is None else dequantize(self.bias, self.bias_scale, self.bias_zero, 0)
        if self.linear and values.dim() != 2:  # exported as a product with a constant, which no operator should turn
            product: Tensor = values @ dequantize(self.turned, self.scale, self.zero, 1)
            return product if bias is None else product + bias
        answer: Tensor = self.compute(values, dequantize(self.weight, self.scale, self.zero, 0), bias)
        return answer


def frozen(model: nn.Module) -> fx.GraphModule:
    """A copy for the exporter: integers and scales as buffers, nothing to train, the same answers.

    Raises TypeError when the fake-quantized network is only a part of `model`.
    """
    if not isinstance(model, fx.GraphModule):
        raise TypeError(f"a {type(model).__name__} around a fake-quantized network cannot be converted")
    still = copy.deepcopy(model).eval()
    for node in still.graph.nodes:
        origin = model.get_submodule(node.target) if node.op == "call_module" else None
        if isinstance(origin, _Quantized):
            # One for each call: the bias counts in units of what is read.
            name = f"{node.target}_{node.name}"
            still.add_submodule(name, FrozenLayer(origin, model.get_parameter(node.args[1].target)))
            node.target, node.args = name, node.args[:1]
    still.graph.eliminate_dead_code()
    still.delete_all_unused_submodules()
    still.recompile()
    for name, module in model.named_modules():
        if isinstance(module, Quantizer):
            still.set_submodule(name, FrozenQuantizer(module))
    return still
