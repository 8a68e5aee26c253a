"""Graph clean-up: an ONNX file with the same answers and without the operators and constants that do nothing."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from tasks.core import Refusal
from tasks.techniques.base import Batches, Lowers, Searched, Technique

MINIMUM_SAVING = 0.01
"""Share of the bytes that must be saved when there are as many operators as before."""


class Clean(Technique):
    """Cleans up the graph of an ONNX file: the same answers, up to float rounding, from fewer operators.

    Batch norms go into convolutions, constants are computed beforehand and shared, and operators without effect are
    taken out. No paper.

    Refuses when there would be neither fewer operators nor, by a hundredth, fewer bytes. `int8`, `fp16` and
    `weight_only` clean the graph themselves.

    Card: docs/techniques/clean.md.
    """

    version: ClassVar[int] = 2
    form: ClassVar[Literal["torch", "onnx"]] = "onnx"
    lowers: ClassVar[tuple[Lowers, ...]] = ("latency",)
    searched: ClassVar[Searched | None] = {}

    step: Literal["clean"] = "clean"

    def plan(self, model: bytes, batches: Batches) -> dict[str, Any]:
        """What cleaning saves: `{"bytes": [before, after], "operators": [before, after]}`.

        Args:
            model: the bytes of an ONNX file.
            batches: not used; the graph alone decides.

        Raises:
            Refusal: there would be neither fewer operators nor, by a hundredth, fewer bytes.
        """
        from tasks.kernels.onnx import description

        cleaned = self.apply(model, {})
        sizes, counts = ([measure(data) for data in (model, cleaned)] for measure in (len, description.count_operators))
        if counts[1] >= counts[0] and sizes[1] > sizes[0] * (1 - MINIMUM_SAVING):
            raise Refusal(
                f"clean: there is nothing to clean: {counts[0]} operators in {sizes[0]} bytes would become {counts[1]} "
                f"in {sizes[1]}"
            )
        return {"bytes": sizes, "operators": counts}

    def apply(self, model: bytes, plan: dict[str, Any]) -> bytes:
        """The cleaned file. Nothing in the plan is needed for it."""
        from tasks.kernels.onnx_passes import cleanup

        return cleanup.without_shapes(cleanup.clean(model))

    def own_words(self, plan: dict[str, Any]) -> str:
        """The number of operators before and after."""
        return f"{plan['operators'][0]} → {plan['operators'][1]} operators"
