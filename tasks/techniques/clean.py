"""clean: an ONNX file with the same answers, and nothing in it that nobody needs."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from tasks.core import Refusal
from tasks.techniques.base import Batches, Lowers, Searched, Technique

MINIMUM = 0.01
"""Share of the bytes that must be saved when the operators are as many as before."""


class Clean(Technique):
    """Cleans a graph up: what a file of others brings along, and what the exporter leaves behind.

    How: the runtime's basic rewriting (batch norm into convolutions, constants computed beforehand, Identity and
    Dropout taken out); constants off the inputs, equal ones shared, unused ones dropped; Slices merged, shortcuts
    without weights as convolutions, means over all places as global pooling. No number of the answers changes
    but by float rounding.

    Measured (batch 1, one thread, 5 processes, 95 %; 2-core Xeon with AVX-512 VNNI, ONNX Runtime 1.31): an old
    export whose constants are inputs, too (a face detector, 1 x 3 x 240 x 320): 3.48 times as fast [3.44, 3.52],
    186 → 110 operators, 1,195,330 → 1,118,217 bytes, because the runtime computes nothing beforehand with what a
    caller may replace. ResNet-20 for 32 x 32 as torch exports it, random weights: 1.09 times [1.09, 1.10], 55 → 52
    operators, and 0.5 % more bytes: its shortcuts become convolutions.

    It does not help where the runtime does the same while it opens the file, which is the rule for new exports
    without such shortcuts. `int8`, `fp16` and `weight_only` clean by themselves.
    """

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "onnx"
    lowers: ClassVar[tuple[Lowers, ...]] = ("latency",)
    searched: ClassVar[Searched | None] = {}

    step: Literal["clean"] = "clean"

    def plan(self, model: bytes, batches: Batches) -> dict[str, Any]:
        """What cleaning brings: `{"bytes": [before, after], "operators": [before, after]}`.

        Raises:
            Refusal: there would be neither fewer operators nor, by a hundredth, fewer bytes.
        """
        from tasks.kernels.onnx import description

        cleaned = self.apply(model, {})
        sizes, counts = ([measure(data) for data in (model, cleaned)] for measure in (len, description.count_operators))
        if counts[1] >= counts[0] and sizes[1] > sizes[0] * (1 - MINIMUM):
            raise Refusal(
                f"clean: there is nothing to clean: {counts[0]} operators in {sizes[0]} bytes would become {counts[1]} "
                f"in {sizes[1]}"
            )
        return {"bytes": sizes, "operators": counts}

    def apply(self, model: bytes, plan: dict[str, Any]) -> bytes:
        """The clean file."""
        from tasks.kernels.onnx_passes import cleanup

        return cleanup.without_shapes(cleanup.clean(model))
