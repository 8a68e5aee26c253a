"""Fake quantization: trainable layers that compute in float with the roundings of 8-bit arithmetic.

Activations are 0..255 with a zero point and one learned scale for each tensor (Esser et al. 2020, "Learned Step
Size Quantization"); weights are symmetric, with one scale for each output channel, from their maximum. `frozen`
turns both into the integers that are stored.
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
"""The highest integer of an activation; the lowest is 0."""
LIMITS = {7: 64, 8: 127}
"""Largest integer of a weight, by its bits. With 64, two products fit into 16 bits: 2 x 255 x 64 < 2^15."""
FLOOR = 1e-4
"""Lower bound of a channel's scale, as a share of its layer's largest: below, its bias might exceed 32 bits."""


class _Round(torch.autograd.Function):
    """Rounds to the grid. Gradients: straight-through for values inside the range, Esser et al.'s for the scale."""

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
    """Rounds a tensor to 256 levels with a learned scale; zero is one of the levels."""

    def __init__(self, limits: Range, device: torch.device | None = None) -> None:
        """`limits` are the lowest and highest value at the start; they are widened to include zero."""
        super().__init__()
        low, high = min(limits[0], 0.0), max(limits[1], 0.0)
        scale = max(high - low, 1e-8) / LEVELS
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale), device=device))
        self.zero = round(-low / scale)

    def forward(self, values: Tensor) -> Tensor:
        """The values rounded to the grid, in float; any shape."""
        rounded: Tensor = _Round.apply(values, self.log_scale, self.zero)  # type: ignore[no-untyped-call]
        return rounded

    def extra_repr(self) -> str:
        """Shows the zero point, which training does not change."""
        return f"zero={self.zero}"


class _Quantized(nn.Module):
    """Mixin for a layer: it computes with its weight and bias rounded as they will be stored."""

    bits: int
    weight: Tensor
    bias: Tensor | None

    def integers(self) -> tuple[Tensor, Tensor]:
        """The weight as integers (in a float tensor), and the scales of the output channels, (channels,)."""
        weight = self.weight.detach()
        largest = weight.flatten(1).abs().amax(1)
        scales = largest.clamp(min=max(FLOOR * float(largest.max()), 1e-8)) / LIMITS[self.bits]
        return (weight / _along(scales, 0, weight)).round(), scales

    def whole_bias(self, scales: Tensor, log_scale: Tensor) -> tuple[Tensor, Tensor]:
        """The bias as 32-bit integers (in a double tensor), and their unit, input scale x channel scale."""
        assert self.bias is not None
        units, most = scales * log_scale.detach().exp(), torch.iinfo(torch.int32).max
        return (self.bias.detach() / units.double()).round().clamp(-most, most), units

    def forward(self, values: Tensor, log_scale: Tensor) -> Tensor:
        """The layer's output; `values` are rounded by a Quantizer with `log_scale`. Gradients pass the rounding."""
        integers, scales = self.integers()
        weight, bias = _straight(self.weight, integers * _along(scales, 0, integers)), None
        if self.bias is not None:
            whole, units = self.whole_bias(scales, log_scale)
            bias = _straight(self.bias, (whole * units).to(self.bias))
        return self.compute(values, weight, bias)

    def compute(self, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The layer's plain computation with this weight and bias."""
        answer: Tensor = self._conv_forward(values, weight, bias)  # type: ignore[operator]
        return answer


class QuantizedConv1d(_Quantized, nn.Conv1d):  # type: ignore[misc]
    """A 1-D convolution with fake-quantized weights."""


class QuantizedConv2d(_Quantized, nn.Conv2d):  # type: ignore[misc]
    """A 2-D convolution with fake-quantized weights."""


class QuantizedConv3d(_Quantized, nn.Conv3d):  # type: ignore[misc]
    """A 3-D convolution with fake-quantized weights."""


class QuantizedLinear(_Quantized, nn.Linear):  # type: ignore[misc]
    """A linear layer with fake-quantized weights."""

    def compute(self, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The layer's plain computation with this weight and bias."""
        return functional.linear(values, weight, bias)


KINDS: dict[type[nn.Module], type[_Quantized]] = {
    nn.Conv1d: QuantizedConv1d,
    nn.Conv2d: QuantizedConv2d,
    nn.Conv3d: QuantizedConv3d,
    nn.Linear: QuantizedLinear,
}
"""The layers that can be quantized, with their fake-quantized class."""


def quantize_layer(layer: Any, bits: int) -> None:
    """Turns a layer of a class in KINDS into its fake-quantized class, in place; parameters and settings stay."""
    layer.__class__, layer.bits = KINDS[type(layer)], bits


def is_quantized(model: nn.Module) -> bool:
    """Whether the network contains fake-quantized parts."""
    return any(isinstance(module, Quantizer | _Quantized) for module in model.modules())


def _straight(exact: Tensor, rounded: Tensor) -> Tensor:
    """The values of `rounded` with the gradient of `exact` (straight-through estimator)."""
    return exact - exact.detach() + rounded


def _along(scales: Tensor, axis: int, tensor: Tensor) -> Tensor:
    """`scales`, one number or one for each slice along `axis`, reshaped to broadcast against the tensor."""
    return scales.reshape([-1 if place == axis else 1 for place in range(tensor.dim())]) if scales.dim() else scales


# The stored form: integers, and two operators that ONNX has as well.


@torch.library.custom_op("paredown::quantize", mutates_args=())
def quantize_tensor(values: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    """ONNX's QuantizeLinear with one scale: round half to even, add `zero`, clip to 0..255; returns uint8."""
    return ((values / scale).round() + zero).clamp(0, LEVELS).to(torch.uint8)


@torch.library.custom_op("paredown::dequantize", mutates_args=())
def dequantize(integers: Tensor, scale: Tensor, zero: Tensor, axis: int) -> Tensor:
    """ONNX's DequantizeLinear, with one scale or one for each slice along `axis`; returns float32."""
    return (integers.float() - _along(zero.float(), axis, integers)) * _along(scale, axis, integers)


@quantize_tensor.register_fake
def _(values: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    return torch.empty_like(values, dtype=torch.uint8)


@dequantize.register_fake
def _(integers: Tensor, scale: Tensor, zero: Tensor, axis: int) -> Tensor:
    return torch.empty_like(integers, dtype=torch.float32)


class FrozenQuantizer(nn.Module):
    """A Quantizer with a fixed scale, as QuantizeLinear and DequantizeLinear."""

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


def to_integer_graph(model: nn.Module) -> fx.GraphModule:
    """A copy of a fake-quantized network for export: integers and scales as buffers, no parameters, equal outputs.

    `model` must itself be the traced network (`fx.GraphModule`), not contain it: TypeError otherwise.
    """
    if not isinstance(model, fx.GraphModule):
        raise TypeError(f"a {type(model).__name__} around a fake-quantized network cannot be converted")
    still = copy.deepcopy(model).eval()
    for node in still.graph.nodes:
        origin = model.get_submodule(node.target) if node.op == "call_module" else None
        if isinstance(origin, _Quantized):
            # One for each call: the unit of the bias depends on the scale of the input.
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
