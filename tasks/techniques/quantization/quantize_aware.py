"""Quantization-aware training: the network computes as in eight bits in training, and is exported in eight bits."""

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

    The export writes the trained integers and scales, so no `int8` step follows. Papers: Esser et al. 2020 "Learned
    Step Size Quantization"; Jacob et al. 2018 "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference".

    Needs a network that can be traced, finite calibration examples, and `recover` afterwards. Leaves operators
    without an eight-bit form (GELU, layer norm, products of two activations) in float. Refuses a network that has no
    layer for eight bits, or that has quantizers already.

    Card: docs/techniques/quantize_aware.md.
    """

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "torch"
    lowers: ClassVar[tuple[Lowers, ...]] = ("latency",)
    """The exported file also has fewer bytes; the torch model itself keeps its weights in float."""
    asks_host: ClassVar[bool] = True

    step: Literal["quantize_aware"] = "quantize_aware"
    weight_bits: Literal[7, 8] | None = None
    """Bits of a weight. Absent: 8, or 7 on a host whose eight-bit products saturate."""
    ignore: tuple[str, ...] = ()
    """Layers, or parts of the network, that stay float."""

    def plan(self, model: nn.Module, batches: Batches) -> dict[str, Any]:
        """Where quantizers are placed, the ranges that they start with, and the bits of the weights.

        `{"shape", "weight_bits", "layers": [name], "sites": {value: quantizer}, "ranges": {quantizer: [lowest,
        highest]}}`: `shape` is that of the two examples that the network was traced with; values and quantizers have
        the names of the traced graph.

        Args:
            model: the network, in any mode.
            batches: pairs of inputs (count, ...) and targets, which are not used.

        Raises:
            InputError: `ignore` names a part that the network does not have, there are no batches, or activations
                on them are not finite.
            Refusal: the network cannot be traced, has no layer for eight bits, or is quantized already.
        """
        from tasks.kernels.onnx_passes import saturation
        from tasks.kernels.quantization import fake_quantization, quantizer_placement

        check_names(model, self.ignore)
        example = example_of(batches)
        if fake_quantization.is_quantized(model):
            raise Refusal(f"quantize_aware: the network {type(model).__name__} has quantizers already")
        traced = _folded(model, example)
        layers = [name for name in quantizer_placement.quantizable_layers(traced) if not is_under(name, self.ignore)]
        if not layers:
            kept = f", as {', '.join(self.ignore)} stay float" if self.ignore else ""
            network = f"the network {type(model).__name__}"
            raise Refusal(f"quantize_aware: {network} has no convolution or linear layer for eight bits{kept}")
        sites = quantizer_placement.quantizer_sites(traced, layers)
        ranges = quantizer_placement.observe_ranges(traced, sites, [inputs for inputs, _ in batches])
        _check_ranges(ranges)
        return {
            "shape": list(example.shape),
            "weight_bits": self.weight_bits or (7 if saturation.saturates() else 8),
            "layers": layers,
            "sites": sites,
            "ranges": {name: list(limits) for name, limits in ranges.items()},
        }

    def apply(self, model: nn.Module, plan: dict[str, Any]) -> nn.Module:
        """The traced network with the plan's quantizers, in evaluation mode.

        Raises:
            Refusal: the plan was made for another network.
        """
        import torch

        from tasks.kernels.quantization import quantizer_placement

        traced = _folded(model, torch.zeros(plan["shape"]))
        names = {node.name for node in traced.graph.nodes} | set(quantizer_placement.quantizable_layers(traced))
        unknown = sorted({*plan["sites"], *plan["layers"]} - names)
        if unknown:
            raise Refusal(f"quantize_aware: the plan was made for another network: {unknown[0]} is not in this one")
        ranges = {name: (low, high) for name, (low, high) in plan["ranges"].items()}
        return quantizer_placement.place_quantizers(traced, plan["layers"], plan["sites"], ranges, plan["weight_bits"])

    def own_words(self, plan: dict[str, Any]) -> str:
        """How many layers are quantized, and the bits of their weights."""
        return f"{len(plan['layers'])} layers with weights of {plan['weight_bits']} bits"


def _folded(model: nn.Module, example: Tensor) -> fx.GraphModule:
    """The traced network with its batch norms folded. Raises Refusal when it cannot be traced."""
    from tasks.kernels.graph import tracing
    from tasks.kernels.quantization import quantizer_placement

    try:
        return quantizer_placement.fold_batch_norms(tracing.trace(model, example))
    except tracing.TraceError as error:
        raise Refusal(f"quantize_aware: {error}") from error


def _check_ranges(ranges: dict[str, tuple[float, float]]) -> None:
    """Raises InputError when a range is not finite."""
    for name, limits in ranges.items():
        if not all(map(math.isfinite, limits)):
            law = f"activations must be finite on calibration data, but {name} is not"
            raise InputError(law, path="calibration")
