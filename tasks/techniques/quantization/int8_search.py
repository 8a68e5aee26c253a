"""Search for the best eight-bit variant of one file, and for the fewest layers in float that keep a loss."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tasks.core import Refusal
from tasks.techniques.base import Batches
from tasks.techniques.quantization import variant_comparison

if TYPE_CHECKING:
    from tasks.kernels.onnx_passes.int8_variants import Setting, Source
    from tasks.kernels.quantization.number_formats import Calibration, Range

RANKING_EXAMPLES = 128
"""Examples on which the layers are ranked by their sensitivity."""


class Int8Search:
    """Builds and measures the eight-bit variants of one float file; costly results are computed once.

    Args:
        model: the bytes of the float ONNX file.
        batches: pairs of inputs ({name: array (count, ...)}) and targets (count, ...).
        layers: the operators to quantize, by their names in the graph, and their layers' names in the network.
    """

    def __init__(self, model: bytes, batches: Batches, layers: Mapping[str, str]) -> None:
        self.layers = dict(layers)
        """The operators to quantize: their names in the graph, and in the network."""
        self._model, self._batches = model, batches
        self._ranges: dict[tuple[str, bool], dict[str, Range]] = {}

    @cached_property
    def reference(self) -> variant_comparison.FloatReference:
        """The float file and its answers."""
        return variant_comparison.measure_reference(self._model, self._batches)

    @cached_property
    def _sources(self) -> dict[bool, Source]:
        """The graphs to quantize: False: with the usual input; True: where the first convolution reads pixels."""
        from tasks.kernels.onnx_passes import int8_variants

        found = {pixels: int8_variants.source(self._model, pixels) for pixels in (False, True)}
        return {pixels: each for pixels, each in found.items() if each is not None}

    @property
    def reads_pixels(self) -> bool:
        """Whether the first convolution can read the user's pixels themselves."""
        return True in self._sources

    def ranges(self, method: Calibration | None, pixels: bool = False) -> dict[str, Range]:
        """The range (low, high) of each activation that the operators read or write; empty for `method` None."""
        from tasks.kernels.onnx_passes import static_quantization

        if method is None:
            return {}
        key = (method, pixels)
        if key not in self._ranges:
            source = self._sources[pixels]
            inputs = [inputs for inputs, _ in self._batches]
            found = static_quantization.collect_ranges(source.graph, list(self.layers), inputs, method)
            self._ranges[key] = {**found, **source.fixed}
        return self._ranges[key]

    def build(self, setting: Setting, nodes: Collection[str]) -> bytes:
        """The file with the operators `nodes` in eight bits."""
        from tasks.kernels.onnx_passes import int8_variants

        ranges = self.ranges(setting.calibration, setting.pixels)
        return int8_variants.build_variant(self._sources[setting.pixels].graph, nodes, ranges, setting)

    def try_all(self, settings: Sequence[Setting], nodes: Collection[str] | None = None) -> list[dict[str, Any]]:
        """One row for each setting whose file runs: its fields, its answers, its time and its bytes.

        Args:
            settings: the settings.
            nodes: the operators in eight bits; None: all.

        Raises:
            Refusal: none of the files runs in the engine of `timing_engine`.
        """
        if not settings:
            return []
        files = {str(at): self.build(each, nodes or list(self.layers)) for at, each in enumerate(settings)}
        rows = self.reference.compare(files, "place")
        return [{**asdict(settings[int(row.pop("place"))]), **row} for row in rows]

    def restore(self, best: dict[str, Any], max_loss: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """The setting's row with the fewest layers in float that keep `max_loss`, and the plan's keys about them.

        Layers are ranked by the error that each causes when it alone is in eight bits; then bisection finds the
        smallest number of the first ones that is enough.

        Args:
            best: the row of the best setting, which loses more than `max_loss`.
            max_loss: the largest loss allowed (0..1).

        Raises:
            Refusal: even with all layers but one in float, more is lost; the sentence says how much.
        """
        setting = setting_of(best)
        alone = self._sensitivity(setting)
        ranked = sorted(alone, key=lambda node: -alone[node])
        losses: dict[int, float] = {0: best["loss"]}

        def loss(count: int) -> float:
            if count not in losses:
                losses[count] = float(self.reference.judge(self.build(setting, ranked[count:]))["loss"])
            return losses[count]

        low, high = 0, 1
        while loss(min(high, len(ranked) - 1)) > max_loss:
            if high >= len(ranked) - 1:
                reached = f"{best['loss']:.4f} in eight bits, {min(losses.values()):.4f} at best with layers in float"
                first = ", ".join(self.layers[node] for node in ranked[:3])
                raise Refusal(f"int8: max_loss {max_loss:g} is out of reach: {reached}; {first} cost most")
            low, high = high, 2 * high
        high = min(high, len(ranked) - 1)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if loss(middle) <= max_loss else (middle, high)
        row = self.try_all([setting], ranked[high:])[0] | {"in_float": high}
        layers = {node: self.layers[node] for node in ranked[:high]}
        reason = f"in eight bits the loss is {best['loss']:.4f}, above {max_loss:g}; these layers cost most"
        sensitivity = {self.layers[node]: alone[node] for node in ranked}
        return row, {"in_float": layers, "reason": reason, "sensitivity": sensitivity}

    def _sensitivity(self, setting: Setting) -> dict[str, float]:
        """For each operator, the error of the outputs when it alone is in eight bits."""
        from tasks.kernels.engines.timing_engine import answer_timed

        reference = self.reference
        inputs = {name: array[:RANKING_EXAMPLES] for name, array in reference.inputs.items()}
        before = reference.outputs[:RANKING_EXAMPLES]
        return {
            node: float(
                variant_comparison.judge_variant(before, answer_timed(self.build(setting, [node]), inputs))["error"]
            )
            for node in self.layers
        }

    def record(self, best: dict[str, Any], in_float: Collection[str]) -> dict[str, Any]:
        """The part of the plan that `apply` needs to build the row's file."""
        setting = setting_of(best)
        ranges = self.ranges(setting.calibration, setting.pixels)
        nodes = [node for node in self.layers if node not in in_float]
        return {**asdict(setting), "nodes": nodes, "ranges": {name: list(limits) for name, limits in ranges.items()}}


def setting_of(row: Mapping[str, Any]) -> Setting:
    """The setting that a row was measured with."""
    from tasks.kernels.onnx_passes.int8_variants import Setting

    return Setting(row["variant"], row["per_channel"], row["calibration"], row["pixels"])
