"""int8: weights and activations in eight bits, in the formats and with the ranges that suit this host and data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from tasks.core import InputError, Refusal, nearest
from tasks.techniques.base import Batches, Lowers, Searched, Technique
from tasks.techniques.layer_names import is_under
from tasks.techniques.quantization import variant_comparison
from tasks.techniques.quantization.int8_search import Int8Search, setting_of

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.onnx_passes.int8_variants import Setting

Formats = Literal["u8s8_reduced", "u8s8", "u8u8", "s8s8", "dynamic"]
METHODS = ("minmax", "entropy", "percentile")


class Int8(Technique):
    """Post-training quantization of convolutions and matrix products (QDQ); preprocessing stays float.

    How: which formats are fast and do not saturate depends on the processor, and which ranges lose least on the
    network, so all are built and measured where the plan is made, on calibration examples, with one thread and one
    example at a time. First the formats, with minmax ranges and a scale for each channel; then calibration and
    granularity for the best format. Among variants within one bit of the most exact, and within one point of the
    best accuracy, the fastest wins; the plan keeps the whole table. Graphs are cleaned before; where pixels come in
    as uint8, the first convolution may read them as they are (normalization in its weights), which is tried, too.
    Products sum in 32 bits; the last one answers in float. With `max_loss`, layers are ranked by the error that each
    causes alone, and the fewest go back to float.

    Paper: Jacob et al. 2018 "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference"; Nagel et al. 2021 "A White Paper on Neural Network Quantization"; entropy: Migacz 2017.

    Measured: ResNet-20 on CIFAR-10 (86.45 % in float, 2,000 images, paired differences in points), 2-core Xeon with
    AVX-512 VNNI, ONNX Runtime 1.31; speed against the float file at batch 1 in four processes, 32 in three:

        u8s8, per channel, pixels as they are   -0.10 ± 0.42   2.11 [2.08, 2.14]   2.25 [2.24, 2.27]   chosen
        the same, per tensor                    -0.30 ± 0.44   2.12 [2.10, 2.14]   2.26 [2.24, 2.28]
        the same, entropy, per channel          -0.10 ± 0.34   2.11 [2.08, 2.14]   2.25 [2.23, 2.28]
        the same, percentile, per channel       -0.10 ± 0.37   2.11 [2.08, 2.14]   2.26 [2.25, 2.26]
        u8s8, per channel                       -0.40 ± 0.46   1.92 [1.91, 1.93]   2.07 [2.04, 2.09]
        u8s8, per channel, reduced range        -0.50 ± 0.48   1.92 [1.90, 1.95]   2.06 [2.03, 2.10]
        u8s8, per channel, graph not cleaned    -0.50 ± 0.42   1.85 [1.82, 1.87]   1.99 [1.97, 2.02]
        u8u8, per channel                       +0.10 ± 0.39   0.77 [0.76, 0.78]   0.83 [0.82, 0.85]
        s8s8, per channel                       -0.30 ± 0.44   0.73 [0.72, 0.74]   0.71 [0.70, 0.71]
        dynamic, per channel                    -0.05 ± 0.43   0.52 [0.51, 0.53]   0.51 [0.49, 0.53]

    Files take 306 to 324 KB instead of 1,092. It did not help in three of five formats, which run slower than float
    here; entropy and percentile calibration and the reduced range brought nothing on this host.
    """

    version: ClassVar[int] = 2
    form: ClassVar[Literal["torch", "onnx"]] = "onnx"
    lowers: ClassVar[tuple[Lowers, ...]] = ("bytes", "latency")
    asks_host: ClassVar[bool] = True
    searched: ClassVar[Searched | None] = {}

    step: Literal["int8"] = "int8"
    calibration: Literal["auto", "minmax", "entropy", "percentile"] = "auto"
    """How ranges of activations are chosen: all values, least divergence, the middle 99.99 %; or try all three."""
    variants: tuple[Formats, ...] = Field(default=("u8s8_reduced", "u8s8", "u8u8", "s8s8", "dynamic"), min_length=1)
    """Number formats to try: activations, then weights; `reduced`: weights of 7 bits; `dynamic`: ranges at run time."""
    per_channel: bool | None = None
    """Whether each output channel of a weight has its own scale. Absent: try both."""
    max_loss: float | None = Field(default=None, ge=0, le=1)
    """Largest loss of accuracy (of agreement without classes) on calibration data; layers stay float to keep it."""
    ignore: tuple[str, ...] = ()
    """Layers that stay float: names of operators, or of modules of the network."""

    def plan(self, model: bytes, batches: Batches) -> dict[str, Any]:
        """Calibrates, builds the variants, and measures answers and time of each beside the float file's.

        Raises:
            InputError: calibration data are empty, all the same or not finite; `ignore` names no layer.
            Refusal: nothing in the graph can run in eight bits, the file would not get smaller, or `max_loss`
                is out of reach.
        """
        batches = variant_comparison.filled(batches)
        inputs = [batch for batch, _ in batches]
        _check_examples(inputs)
        work = Int8Search(model, batches, self._nodes(model))
        _check_ranges(work.ranges("minmax"), inputs)
        tried = work.try_all(self._formats())
        tried += work.try_all(
            self._refinements(variant_comparison.choose_variant(tried, self.max_loss), work.reads_pixels)
        )
        best = variant_comparison.choose_variant(tried, self.max_loss)
        float_layers: dict[str, Any] = {}
        if self.max_loss is not None and best["loss"] > self.max_loss:
            best, float_layers = work.restore(best, self.max_loss)
            tried.append(best)
        if best["bytes"] >= len(model):
            sizes = f"{len(model)} bytes would become {best['bytes']}"
            if float_layers:
                kept = ", ".join(float_layers["in_float"].values())
                raise Refusal(f"int8: max_loss {self.max_loss:g} takes {kept} in float, and then {sizes}")
            raise Refusal(f"int8: {', '.join(work.layers.values())}: too small for what quantization adds: {sizes}")
        return {**work.record(best, float_layers.get("in_float", ())), **float_layers, "tried": tried}

    def apply(self, model: bytes, plan: dict[str, Any]) -> bytes:
        """The quantized file, from the plan's ranges.

        Raises:
            Refusal: the plan was made for another graph.
        """
        from tasks.kernels.onnx_passes import int8_variants, static_quantization

        setting = setting_of(plan)
        source = int8_variants.source(model, setting.pixels)
        known = [] if source is None else static_quantization.quantizable(source.graph)
        unknown = sorted(set(plan["nodes"]) - set(known))
        if source is None or unknown:
            raise Refusal(f"int8: the plan was made for another graph: operator {unknown[0]} is not in this one")
        ranges = {name: (low, high) for name, (low, high) in plan["ranges"].items()}
        return int8_variants.build_variant(source.graph, plan["nodes"], ranges, setting)

    def settled(self, plan: dict[str, Any]) -> Int8:
        """With the number format, the grain and the calibration that the plan chose."""
        choices = {"variants": (plan["variant"],), "per_channel": plan["per_channel"]}
        return self.model_copy(update=choices | ({"calibration": plan["calibration"]} if plan["calibration"] else {}))

    def _formats(self) -> list[Setting]:
        """Every format, with the first of the other choices."""
        from tasks.kernels.onnx_passes.int8_variants import Setting

        method = "minmax" if self.calibration == "auto" else self.calibration
        fine = self.per_channel is not False
        return [Setting(name, fine, None if name == "dynamic" else method) for name in self.variants]

    def _refinements(self, best: dict[str, Any], pixels: bool) -> list[Setting]:
        """The best format with every other choice."""
        from tasks.kernels.onnx_passes.int8_variants import Setting

        methods: Any = METHODS if self.calibration == "auto" else (self.calibration,)
        grains = (True, False) if self.per_channel is None else (self.per_channel,)
        name = best["variant"]
        if name == "dynamic":
            methods, pixels = (None,), False
        every = [Setting(name, grain, method, pixels) for method in methods for grain in grains]
        return [each for each in every if vars(each).items() - best.items()]

    def _nodes(self, model: bytes) -> dict[str, str]:
        """Operators to quantize, and their layers' names."""
        from tasks.kernels.onnx_passes import cleanup, static_quantization

        layers = static_quantization.layer_names(cleanup.clean(model))
        if not layers:
            raise Refusal("int8: the graph has no convolution or matrix product with constant float weights")
        known = [*layers, *layers.values()]
        for name in self.ignore:
            if not any(is_under(each, (name,)) for each in known):
                law = "must name a convolution or matrix product of the graph"
                raise InputError(law, path="ignore", value=name, nearest=nearest(name, known))
        kept = {node: layer for node, layer in layers.items()
                if node not in self.ignore and not is_under(layer, self.ignore)}  # fmt: skip
        if not kept:
            raise Refusal(f"int8: ignore leaves no operator to quantize: all of {', '.join(layers)} stay float")
        return kept


def _check_examples(inputs: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Raises InputError unless two examples differ in some input."""
    import numpy as np

    first = {name: array[:1] for name, array in inputs[0].items()}

    def repeats(name: str, array: np.ndarray) -> bool:
        return np.array_equal(array, np.broadcast_to(first[name], array.shape), array.dtype.kind == "f")

    if all(repeats(name, array) for batch in inputs for name, array in batch.items()):
        names = ", ".join(first)
        raise InputError(f"calibration needs examples that differ, but every {names} is the same", path="calibration")


def _check_ranges(ranges: Mapping[str, tuple[float, float]], inputs: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Raises InputError when an activation is not a finite number, naming the input that brought that in."""
    import numpy as np

    broken = [name for name, limits in ranges.items() if not np.isfinite(limits).all()]
    for name, array in ((name, array) for batch in inputs if broken for name, array in batch.items()):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"calibration data must be finite, but {name} is not", path="calibration")
    if broken:
        raise InputError(f"activations must be finite on calibration data, but {broken[0]} is not", path="calibration")
