"""weight_only: the weights of linear layers in four or eight bits; activations and arithmetic stay float."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from tasks.core import InputError, Refusal, nearest
from tasks.techniques.base import Batches, Lowers, Searched, Technique
from tasks.techniques.layer_names import is_under
from tasks.techniques.quantization import variant_comparison


class WeightOnly(Technique):
    """Blockwise round-to-nearest quantization of linear layers' weights, in four or eight bits.

    How: a linear layer becomes a MatMulNBits and a sum; each block of an output's weights has a scale and a zero
    point. The runtime can multiply floats, or round each block of activations to eight bits and multiply integers:
    the host decides, by error and time (one thread, one example at a time). For networks whose bytes are linear
    layers: transformers, perceptrons. Convolutions stay as they are, and so do layers with so few inputs that their
    blocks would be larger.

    Paper: Dettmers et al. 2022 "LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale" (blockwise
    scales); Frantar et al. 2023 "GPTQ" has the round-to-nearest baseline that this is.

    Measured: a perceptron 3072-512-256-10 on CIFAR-10 (48.94 %, 5,000 images, 2-core Xeon with AVX-512 VNNI, ONNX
    Runtime 1.31): 4 bits +0.00 ± 0.43 points with floats (-0.10 with integers), 6.2 times smaller; 8 bits +0.06 ±
    0.10 points, 3.5 times smaller. At batch 1 integers ran at 9.5 and 6.1 times the float file's speed (one process;
    6.8 MB leave the cache), at batch 32 at 1.1 times.

    It did not help where floats are multiplied in eight bits: 0.04 times the speed; nor on convolutional
    networks, which it refuses (ResNet-20's one linear layer is 0.2 % of its bytes).
    """

    version: ClassVar[int] = 1
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
        """Finds the layers, and measures answers and time of both arithmetics beside the float file's.

        Raises:
            InputError: there are no examples; `ignore` names no layer.
            Refusal: there is no linear layer with constant weights, or the file would not get smaller.
        """
        from tasks.kernels.onnx_passes import cleanup, static_quantization, weight_only_quantization

        batches = variant_comparison.filled(batches)
        fused = static_quantization.fuse(cleanup.clean(model))
        layers = weight_only_quantization.products(fused)
        if not layers:
            raise Refusal("weight_only: the graph has no matrix product with constant float weights")
        known = [*layers, *layers.values()]
        for name in self.ignore:
            if not any(is_under(each, (name,)) for each in known):
                law = "must name a matrix product of the graph"
                raise InputError(law, path="ignore", value=name, nearest=nearest(name, known))
        kept = {node: layer for node, layer in layers.items()
                if node not in self.ignore and not is_under(layer, self.ignore)}  # fmt: skip
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
        tried = variant_comparison.bench(model, batches).compare(ways, "arithmetic")
        named = {"nodes": names, "layers": [layers[name] for name in names]}
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
