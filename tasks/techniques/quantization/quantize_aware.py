"""quantize_aware: the network computes as in eight bits while it is trained, and is exported in eight bits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from tasks.core import InputError, Refusal
from tasks.techniques.base import Batches, Lowers, Technique
from tasks.techniques.layer_names import check_names, example_of, is_under

if TYPE_CHECKING:
    from torch import Tensor, fx, nn


class QuantizeAware(Technique):
    """Fake quantization of weights and activations; `recover` after it trains weights and scales together.

    How: batch norms are folded into the layers before them; convolutions and linear layers get weights on
    symmetric grids of one scale an output channel, from the channel's largest weight; activations get 256
    levels of one learned scale a tensor, which starts from its range on the calibration data, and a zero point
    that stays. Gradients go straight through the rounding. The quantizers stand where ONNX Runtime wants them
    to run convolutions, sums, pooling and linear layers in eight bits; the export writes just these integers
    and scales (QDQ), so that no `int8` step follows.

    Paper: Esser et al. 2020 "Learned Step Size Quantization" (the gradient of a scale; here of its logarithm);
    Jacob et al. 2018 "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference".

    Measured on ResNet-20 (CIFAR-10 as JPEG, float 86.30 %, 5,000 validation images, paired 95 % intervals; 2-core
    Xeon with AVX-512 VNNI, ONNX Runtime 1.31, busy): -0.14 ± 0.27 points before any training (`int8` with the same
    512 calibration images: -0.24 ± 0.26); after one `recover` epoch of 10,000 images +0.10 ± 0.31 at learning rate
    0.0003, +0.34 ± 0.33 against `int8`, and +0.08 ± 0.53 at 0.001. The dense control of that budget gained 0.3 of
    these points, too (2,000 images). Speed at batch 1 over three processes: 1.98 [1.96, 2.01] against float,
    `int8` 1.98 [1.94, 2.01]: all 19 convolutions, 9 sums and the linear layer run in eight bits, 324 KB for 1,098.
    A training step takes 1.6 times a float one's time.

    Without batch norm between them, layers want small steps: give `recover` a learning rate of 0.0003 or less. At
    its default of 0.001, ResNet-44 fell from 88.8 to 85.4 % in an epoch of 5,000 images (2,000 validation images);
    `recover` then keeps what it began with. At 0.0001, 2,560 images left it at 88.7.

    When it does not help: where `int8` loses nothing that can be measured, as here in eight bits, it costs an epoch
    for the same speed; ResNet-44 (88.32 %) in 8 bits: +0.20 ± 0.23 untrained, `int8` +0.14 ± 0.26. It is meant for
    hosts that need 7 bits, and for chains that train anyway; neither was measured apart. Operators without an
    eight-bit form (GELU, layer norm, products of two activations) stay float between the others.
    """

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "torch"
    lowers: ClassVar[tuple[Lowers, ...]] = ("latency",)
    """And the exported file's bytes; the torch model itself holds its weights in float to the end."""
    asks_host: ClassVar[bool] = True

    step: Literal["quantize_aware"] = "quantize_aware"
    weight_bits: Literal[7, 8] | None = None
    """Bits of a weight. Absent: 8, or 7 where this host's eight-bit products saturate."""
    ignore: tuple[str, ...] = ()
    """Layers, or parts of the network, that stay float."""

    def plan(self, model: nn.Module, batches: Batches) -> dict[str, Any]:
        """Where quantizers stand, what they start with, and the weights' bits.

        `{"shape": of two examples, "weight_bits", "layers": [name], "sites": {value: quantizer}, "ranges":
        {quantizer: [lowest, highest]}}`; values and quantizers bear the names of the traced graph.

        Raises:
            InputError: `ignore` names what is not there, there are no batches, or they are not finite.
            Refusal: the network cannot be traced, has no layer for eight bits, or is quantized already.
        """
        from tasks.kernels.onnx_passes import saturation
        from tasks.kernels.quantization import fake_quantization, quantizer_placement

        check_names(model, self.ignore)
        example = example_of(batches)
        if fake_quantization.is_quantized(model):
            raise Refusal(f"quantize_aware: the network {type(model).__name__} has quantizers already")
        traced = _folded(model, example)
        layers = [name for name in quantizer_placement.chosen(traced) if not is_under(name, self.ignore)]
        if not layers:
            kept = f", as {', '.join(self.ignore)} stay float" if self.ignore else ""
            network = f"the network {type(model).__name__}"
            raise Refusal(f"quantize_aware: {network} has no convolution or linear layer for eight bits{kept}")
        sites = quantizer_placement.sites(traced, layers)
        ranges = quantizer_placement.ranges(traced, sites, [inputs for inputs, _ in batches])
        _check_ranges(ranges)
        return {
            "shape": list(example.shape),
            "weight_bits": self.weight_bits or (7 if saturation.saturates() else 8),
            "layers": layers,
            "sites": sites,
            "ranges": {name: list(limits) for name, limits in ranges.items()},
        }

    def apply(self, model: nn.Module, plan: dict[str, Any]) -> nn.Module:
        """The traced network with quantizers, in evaluation mode.

        Raises:
            Refusal: the plan was made for another network.
        """
        import torch

        from tasks.kernels.quantization import quantizer_placement

        traced = _folded(model, torch.zeros(plan["shape"]))
        names = {node.name for node in traced.graph.nodes} | set(quantizer_placement.chosen(traced))
        unknown = sorted({*plan["sites"], *plan["layers"]} - names)
        if unknown:
            raise Refusal(f"quantize_aware: the plan was made for another network: {unknown[0]} is not in this one")
        ranges = {name: (low, high) for name, (low, high) in plan["ranges"].items()}
        return quantizer_placement.place_quantizers(traced, plan["layers"], plan["sites"], ranges, plan["weight_bits"])


def _folded(model: nn.Module, example: Tensor) -> fx.GraphModule:
    from tasks.kernels.graph import tracing
    from tasks.kernels.quantization import quantizer_placement

    try:
        return quantizer_placement.fold(tracing.trace(model, example))
    except tracing.TraceError as error:
        raise Refusal(f"quantize_aware: {error}") from error


def _check_ranges(ranges: dict[str, tuple[float, float]]) -> None:
    for name, limits in ranges.items():
        if not all(map(math.isfinite, limits)):
            law = f"activations must be finite on calibration data, but {name} is not"
            raise InputError(law, path="calibration")
