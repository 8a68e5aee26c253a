"""Weight-only quantization: the weights of linear layers in four or eight bits; activations stay float."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from tasks.core import Refusal
from tasks.techniques.base import Batches, Lowers, Searched, Technique
from tasks.techniques.layer_names import without_ignored
from tasks.techniques.quantization import admission, variant_comparison


class WeightOnly(Technique):
    """Blockwise round-to-nearest quantization of linear layers' weights, in four or eight bits.

    Each block of an output's weights has a scale and a zero point; activations stay float. Papers: Dettmers et al.
    2022 "LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale"; Frantar et al. 2023 "GPTQ".

    Needs calibration examples. Leaves alone convolutions, layers inside If, Loop and Scan, and layers with so few
    inputs that their blocks would be larger than the weights. Refuses when there is no linear layer with constant
    weights, or the file would not get smaller.

    Card: docs/techniques/weight_only.md.
    """

    version: ClassVar[int] = 2
    form: ClassVar[Literal["torch", "onnx"]] = "onnx"
    lowers: ClassVar[tuple[Lowers, ...]] = ("bytes",)
    searched: ClassVar[Searched | None] = {}
    asks_host: ClassVar[bool] = True

    step: Literal["weight_only"] = "weight_only"
    bits: Literal[4, 8] = 8
    """Bits of one weight."""
    block_size: Literal[16, 32, 64, 128, 256] = 32
    """Weights of one output that share a scale and a zero point."""
    ignore: tuple[str, ...] = ()
    """Layers that stay float: names of operators, or of modules of the network."""

    def plan(self, model: bytes, batches: Batches) -> dict[str, Any]:
        """The layers to quantize: `{"bits", "block_size", "integers", "nodes": [name], "layers": [name],
        "stays_float": {name: why}, "tried"}`.

        `integers` says whether the runtime rounds activations to eight bits and multiplies integers, or multiplies
        floats; `tried` has a row for each with the answers, the time and the bytes beside the float file's.

        Args:
            model: the bytes of a float ONNX file.
            batches: pairs of inputs ({name: array (count, ...)}) and targets (count, ...).

        Raises:
            InputError: there are no examples; `ignore` names no layer.
            Refusal: there is no linear layer with constant weights, or the file would not get smaller.
        """
        from tasks.kernels.onnx_passes import cleanup, static_quantization, weight_only_quantization

        batches = variant_comparison.nonempty_batches(batches)
        fused = static_quantization.fuse(cleanup.clean(model))
        layers = weight_only_quantization.products(fused)
        if not layers:
            raise admission.no_products("weight_only", model, "matrix product")
        kept = without_ignored(layers, self.ignore, "matrix product")
        if not kept:
            raise Refusal(f"weight_only: ignore leaves no layer: all of {', '.join(layers.values())} stay float")
        small = weight_only_quantization.shrinking(fused, self.bits, self.block_size)
        names = [node for node in kept if node in small]
        if not names:
            listed = ", ".join(kept.values())
            raise Refusal(f"weight_only: {listed}: smaller than their blocks of {self.block_size} would be")
        ways = {
            way: weight_only_quantization.quantize_weights(fused, names, self.bits, self.block_size, way == "integers")
            for way in ("integers", "floats")
        }
        if len(ways["integers"]) >= len(model):
            listed = ", ".join(layers[name] for name in names)
            raise Refusal(f"weight_only: {listed}: {len(model)} bytes would become {len(ways['integers'])}")
        tried = variant_comparison.measure_reference(model, batches).compare(ways, "arithmetic")
        named = {"nodes": names, "layers": [layers[name] for name in names], "stays_float": admission.in_float(model)}
        integers = variant_comparison.choose_variant(tried)["arithmetic"] == "integers"
        return {"bits": self.bits, "block_size": self.block_size, "integers": integers, **named, "tried": tried}

    def apply(self, model: bytes, plan: dict[str, Any]) -> bytes:
        """The file with these layers' weights quantized.

        Raises:
            Refusal: the plan was made for another graph.
        """
        from tasks.kernels.onnx_passes import cleanup, static_quantization, weight_only_quantization

        fused = static_quantization.fuse(cleanup.clean(model))
        unknown = sorted(set(plan["nodes"]) - set(weight_only_quantization.products(fused)))
        if unknown:
            raise Refusal(f"weight_only: the plan was made for another graph: {unknown[0]} is not in this one")
        return weight_only_quantization.quantize_weights(
            fused, plan["nodes"], plan["bits"], plan["block_size"], plan["integers"]
        )

    def own_words(self, plan: dict[str, Any]) -> str:
        """The bits of a weight."""
        return f"weights of {plan['bits']} bits{admission.words(plan)}"
