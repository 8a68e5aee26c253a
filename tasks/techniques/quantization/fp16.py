"""fp16: weights and arithmetic in float16 between a network's first and last product."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from tasks.core import InputError, Refusal, nearest
from tasks.techniques.base import Batches, Lowers, Searched, Technique
from tasks.techniques.quantization import variant_comparison


class Fp16(Technique):
    """Half precision (IEEE 754 binary16: 11 significant bits, up to 65504).

    How: the graph is cleaned; weights and operators from the first to the last product go to float16, with casts at
    both ends. Inputs and outputs keep their type; preprocessing, the answer's unit and what `keep` names stay
    float32. Values beyond float16 on calibration examples are a refusal that names the tensor. Time is measured (one
    thread, one example at a time) and recorded, not promised.

    Paper: Micikevicius et al. 2018 "Mixed Precision Training".

    Measured: ResNet-20 on CIFAR-10 (86.45 %, 2,000 images, 2-core Xeon with AVX-512 VNNI, ONNX Runtime 1.31): every
    answer the same, 553 of 1,092 KB; batch 1 1.09 [1.08, 1.10] times the float file's speed in three processes.

    It did not help latency: all of that gain is the cleaning's (1.10 [1.08, 1.11] without float16), for without
    float16 arithmetic in the processor the runtime computes in float32.
    """

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "onnx"
    lowers: ClassVar[tuple[Lowers, ...]] = ("bytes",)
    asks_host: ClassVar[bool] = True
    searched: ClassVar[Searched | None] = {}

    step: Literal["fp16"] = "fp16"
    keep: tuple[str, ...] = ()
    """Operators that stay float32, by name or by kind, such as Softmax."""

    def plan(self, model: bytes, batches: Batches) -> dict[str, Any]:
        """Looks for values that float16 cannot hold, and measures answers and time beside the float file's.

        Raises:
            InputError: there are no examples; `keep` names no operator.
            Refusal: a weight or an activation overflows, the file would not get smaller, or the runtime fails on it.
        """
        from tasks.kernels.latency import benchmark
        from tasks.kernels.onnx_passes import cleanup, float16, static_quantization

        batches = variant_comparison.filled(batches)
        fused = static_quantization.fuse(cleanup.clean(model))
        names = self._names(fused)
        found = float16.magnitudes(fused, names, [inputs for inputs, _ in batches])
        for tensor, largest in found.items():
            if not largest <= float16.LARGEST:
                law = f"float16 ends at {float16.LARGEST:g}"
                raise Refusal(f"fp16: {tensor} reaches {largest:.3g} on calibration examples, and {law}")
        data = float16.halve(fused, names)
        if len(data) >= len(model):
            raise Refusal(f"fp16: {names[0]} and others: {len(model)} bytes would become {len(data)}")
        bench = variant_comparison.bench(model, batches)
        if reason := benchmark.failure(data, {name: array[:1] for name, array in bench.inputs.items()}):
            raise Refusal(f"fp16: ONNX Runtime does not run {names[0]} and what follows in float16 ({reason})")
        tried = bench.compare({"fp16": data}, "variant")
        return {"nodes": names, "largest": max(found.values(), default=0.0), "tried": tried}

    def apply(self, model: bytes, plan: dict[str, Any]) -> bytes:
        """The file in half precision.

        Raises:
            Refusal: the plan was made for another graph.
        """
        from tasks.kernels.onnx_passes import cleanup, float16, static_quantization

        fused = static_quantization.fuse(cleanup.clean(model))
        unknown = sorted(set(plan["nodes"]) - set(float16.between(fused)))
        if unknown:
            raise Refusal(f"fp16: the plan was made for another graph: operator {unknown[0]} is not in this one")
        return float16.halve(fused, plan["nodes"])

    def _names(self, fused: bytes) -> list[str]:
        from tasks.kernels.onnx_passes import float16

        kinds = float16.between(fused)
        known = [*kinds, *kinds.values()]
        for name in self.keep:
            if name not in known:
                law = "must name an operator of the network, or a kind of operators"
                raise InputError(law, path="keep", value=name, nearest=nearest(name, known))
        names = [name for name, kind in kinds.items() if name not in self.keep and kind not in self.keep]
        if not names:
            raise Refusal(f"fp16: no product is left to halve: {', '.join(kinds) or 'the graph has none'}")
        return names
