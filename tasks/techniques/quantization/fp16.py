"""Half precision: weights and arithmetic in float16 between a network's first and last product."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from tasks.core import InputError, Refusal, nearest_choice
from tasks.techniques.base import Batches, Lowers, Searched, Technique
from tasks.techniques.quantization import admission, variant_comparison


class Fp16(Technique):
    """Half precision (IEEE 754 binary16: 11 significant bits, up to 65504).

    Weights and operators from the first to the last product go to float16, with casts at both ends. Paper:
    Micikevicius et al. 2018 "Mixed Precision Training".

    Needs calibration examples. Leaves inputs, outputs, preprocessing, the answer's unit and what `keep` names in
    float32, and operators with graphs inside (If, Loop, Scan). Refuses a file that is quantized or laid out for one
    host, when a weight or an activation exceeds float16, when the file would not get smaller, and when ONNX Runtime
    does not run it. Promises fewer bytes; time is measured and recorded only.

    Card: docs/techniques/fp16.md.
    """

    version: ClassVar[int] = 2
    form: ClassVar[Literal["torch", "onnx"]] = "onnx"
    lowers: ClassVar[tuple[Lowers, ...]] = ("bytes",)
    asks_host: ClassVar[bool] = True
    searched: ClassVar[Searched | None] = {}

    step: Literal["fp16"] = "fp16"
    keep: tuple[str, ...] = ()
    """Operators that stay float32, by name or by kind, such as Softmax."""

    def plan(self, model: bytes, batches: Batches) -> dict[str, Any]:
        """The operators to convert: `{"nodes": [name], "largest", "stays_float": {name: why}, "tried": [row]}`.

        `largest` is the largest magnitude of an activation on the calibration examples; `tried` has one row with the
        answers, the time and the bytes beside the float file's (see `variant_comparison`).

        Args:
            model: the bytes of a float ONNX file.
            batches: pairs of inputs ({name: array (count, ...)}) and targets (count, ...).

        Raises:
            InputError: there are no examples; `keep` names no operator.
            Refusal: the file is quantized or laid out for one host, a weight or an activation overflows, the file
                would not get smaller, or the runtime fails on it.
        """
        from tasks.kernels.latency import benchmark
        from tasks.kernels.onnx_passes import cleanup, float16, static_quantization

        admission.check_layout("fp16", model)
        admission.check_unquantized("fp16", model)
        batches = variant_comparison.nonempty_batches(batches)
        fused = static_quantization.fuse(cleanup.clean(model))
        names = self._names(fused)
        found = float16.magnitudes(fused, names, [inputs for inputs, _ in batches])
        for tensor, largest in found.items():
            if not largest <= float16.LARGEST:
                law = f"float16 ends at {float16.LARGEST:g}"
                raise Refusal(f"fp16: {tensor} reaches {largest:.3g} on calibration examples, and {law}")
        data = float16.convert_to_float16(fused, names)
        if len(data) >= len(model):
            raise Refusal(f"fp16: {names[0]} and others: {len(model)} bytes would become {len(data)}")
        reference = variant_comparison.measure_reference(model, batches)
        if reason := benchmark.failure(data, {name: array[:1] for name, array in reference.inputs.items()}):
            raise Refusal(f"fp16: ONNX Runtime does not run {names[0]} and what follows in float16 ({reason})")
        tried = reference.compare({"fp16": data}, "variant")
        stays = admission.in_float(model)
        return {"nodes": names, "largest": max(found.values(), default=0.0), "stays_float": stays, "tried": tried}

    def apply(self, model: bytes, plan: dict[str, Any]) -> bytes:
        """The file in half precision.

        Raises:
            Refusal: the plan was made for another graph.
        """
        from tasks.kernels.onnx_passes import cleanup, float16, static_quantization

        fused = static_quantization.fuse(cleanup.clean(model))
        unknown = sorted(set(plan["nodes"]) - set(float16.float16_candidates(fused)))
        if unknown:
            raise Refusal(f"fp16: the plan was made for another graph: operator {unknown[0]} is not in this one")
        return float16.convert_to_float16(fused, plan["nodes"])

    def own_words(self, plan: dict[str, Any]) -> str:
        """How many operators run in float16."""
        return f"{len(plan['nodes'])} operators in float16{admission.words(plan)}"

    def _names(self, fused: bytes) -> list[str]:
        """The operators of the cleaned and fused file to convert, by name.

        Raises InputError when `keep` names no operator, Refusal when no operator remains.
        """
        from tasks.kernels.onnx_passes import float16

        kinds = float16.float16_candidates(fused)
        known = [*kinds, *kinds.values()]
        for name in self.keep:
            if name not in known:
                law = "must name an operator of the network, or a kind of operators"
                raise InputError(law, path="keep", value=name, nearest=nearest_choice(name, known))
        names = [name for name, kind in kinds.items() if name not in self.keep and kind not in self.keep]
        if not names:
            raise Refusal(f"fp16: no product is left to halve: {', '.join(kinds) or 'the graph has none'}")
        return names
