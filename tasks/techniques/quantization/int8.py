"""Eight-bit quantization: the number format and the ranges are chosen by measuring on this host and these data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from tasks.core import Goal, InputError, Refusal
from tasks.techniques.base import Batches, Lowers, Searched, Technique
from tasks.techniques.layer_names import without_ignored
from tasks.techniques.quantization import admission, variant_comparison
from tasks.techniques.quantization.int8_search import Int8Search, setting_of

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.onnx_passes.int8_variants import Setting

Formats = Literal["u8s8_reduced", "u8s8", "u8u8", "s8s8", "dynamic"]
METHODS = ("minmax", "entropy", "percentile")


class Int8(Technique):
    """Post-training quantization of convolutions and matrix products to eight bits (QDQ or dynamic).

    Number formats, calibrations and granularities are measured on this host, on calibration examples; the fastest or
    smallest of the exact ones is taken. Papers: Jacob et al. 2018 "Quantization and Training of Neural Networks for
    Efficient Integer-Arithmetic-Only Inference"; Nagel et al. 2021 "A White Paper on Neural Network Quantization".

    Needs calibration examples that are finite and differ. Leaves in float the preprocessing, operators inside If, Loop
    and Scan, and with `max_loss` the layers that cost most. Refuses a file laid out for one host, and when no operator
    can run in eight bits, the file would not get smaller, or `max_loss` is out of reach.

    Card: docs/techniques/int8.md.
    """

    version: ClassVar[int] = 3
    form: ClassVar[Literal["torch", "onnx"]] = "onnx"
    lowers: ClassVar[tuple[Lowers, ...]] = ("bytes", "latency")
    asks_host: ClassVar[bool] = True
    way_out: ClassVar[str] = "max_loss puts layers back to float"
    searched: ClassVar[Searched | None] = {}

    step: Literal["int8"] = "int8"
    calibration: Literal["auto", "minmax", "entropy", "percentile"] = "auto"
    """How activations' ranges are chosen: all values, least divergence, or the middle 99.99 %; `auto` tries all."""
    variants: tuple[Formats, ...] = Field(default=("u8s8_reduced", "u8s8", "u8u8", "s8s8", "dynamic"), min_length=1)
    """Number formats to try: activations, then weights; `reduced`: weights of 7 bits; `dynamic`: ranges at run time."""
    per_channel: bool | None = None
    """Whether each output channel of a weight has its own scale. Absent: both are tried."""
    max_loss: float | None = Field(default=None, ge=0, le=1)
    """Largest loss of accuracy (of agreement without classes) on calibration data; layers stay float to keep it."""
    max_drop: float | None = Field(default=None, ge=0)
    """Loss of accuracy that is accepted: a variant beyond it is taken only when none is within. Absent: the goal's."""
    prefer: Literal["latency", "bytes"] | None = None
    """The cost by which a variant is chosen. Absent: what the goal minimizes."""
    ignore: tuple[str, ...] = ()
    """Layers that stay float: names of operators, or of modules of the network."""

    def for_goal(self, goal: Goal) -> Int8:
        """With `prefer` and, where the metric is accuracy, `max_drop` of the goal, unless they were set."""
        drop = goal.max_drop if goal.metric == "accuracy" else None
        known = {"prefer": goal.minimize, "max_drop": drop}
        return self.model_copy(update={name: value for name, value in known.items() if getattr(self, name) is None})

    def plan(self, model: bytes, batches: Batches) -> dict[str, Any]:
        """The best variant and its ranges, after each was built and measured beside the float file.

        `{"variant", "per_channel", "calibration", "pixels", "nodes": [name], "ranges": {tensor: [low, high]},
        "stays_float": {name: why}, "tried": [row]}`. When `max_loss` keeps layers in float also `in_float` ({operator:
        layer}), `reason`, and `sensitivity` ({layer: error when it alone is quantized}).

        Args:
            model: the bytes of a float ONNX file.
            batches: pairs of inputs ({name: array (count, ...)}) and targets (count, ...).

        Raises:
            InputError: calibration data are empty, all the same or not finite; `ignore` names no layer.
            Refusal: nothing in the graph can run in eight bits, the file would not get smaller, or `max_loss`
                is out of reach.
        """
        admission.check_layout("int8", model)
        batches = variant_comparison.nonempty_batches(batches)
        inputs = [batch for batch, _ in batches]
        _check_examples(inputs)
        work = Int8Search(model, batches, self._nodes(model))
        _check_ranges(work.ranges("minmax"), inputs)
        tried = work.try_all(self._formats())
        tried += work.try_all(self._refinements(self._choose(tried), work.reads_pixels))
        best = self._choose(tried)
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
        return {
            **work.record(best, float_layers.get("in_float", ())),
            **float_layers,
            "stays_float": admission.in_float(model),
            "tried": tried,
        }

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
        """With the number format, the granularity and the calibration that the plan chose."""
        choices = {"variants": (plan["variant"],), "per_channel": plan["per_channel"]}
        return self.model_copy(update=choices | ({"calibration": plan["calibration"]} if plan["calibration"] else {}))

    def own_words(self, plan: dict[str, Any]) -> str:
        """The number format, and how many operators stay in float."""
        in_float = f", {len(plan['in_float'])} operators left in float" if plan.get("in_float") else ""
        return f"variant {plan['variant']}{in_float}{admission.words(plan)}"

    def _choose(self, tried: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The row of the best variant. Other examples may cost more, so half of `max_drop` is tried first."""
        limits = [] if self.max_drop is None else [self.max_drop / 2, self.max_drop]
        limits = limits if self.max_loss is None else [self.max_loss]
        return variant_comparison.choose_variant(tried, limits, self.prefer or "latency")

    def _formats(self) -> list[Setting]:
        """One setting for each number format, with the first choice of calibration and granularity."""
        from tasks.kernels.onnx_passes.int8_variants import Setting

        method = "minmax" if self.calibration == "auto" else self.calibration
        fine = self.per_channel is not False
        return [Setting(name, fine, None if name == "dynamic" else method) for name in self.variants]

    def _refinements(self, best: dict[str, Any], pixels: bool) -> list[Setting]:
        """The best format with every calibration and granularity that was not tried with it.

        `best` is its row; `pixels` says whether the first convolution can read the user's pixels themselves.
        """
        from tasks.kernels.onnx_passes.int8_variants import Setting

        methods: Any = METHODS if self.calibration == "auto" else (self.calibration,)
        grains = (True, False) if self.per_channel is None else (self.per_channel,)
        name = best["variant"]
        if name == "dynamic":
            methods, pixels = (None,), False
        every = [Setting(name, grain, method, pixels) for method in methods for grain in grains]
        return [each for each in every if vars(each).items() - best.items()]

    def _nodes(self, model: bytes) -> dict[str, str]:
        """The operators to quantize, by their names in the graph, and their layers' names in the network.

        Raises InputError when `ignore` names no layer, Refusal when no operator remains.
        """
        from tasks.kernels.onnx_passes import cleanup, static_quantization

        layers = static_quantization.layer_names(cleanup.clean(model))
        if not layers:
            raise admission.no_products("int8", model, "convolution or matrix product")
        kept = without_ignored(layers, self.ignore, "convolution or matrix product")
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
    """Raises InputError when an activation's range is not finite; names the input that is not finite, if one is."""
    import numpy as np

    broken = [name for name, limits in ranges.items() if not np.isfinite(limits).all()]
    for name, array in ((name, array) for batch in inputs if broken for name, array in batch.items()):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"calibration data must be finite, but {name} is not", path="calibration")
    if broken:
        raise InputError(f"activations must be finite on calibration data, but {broken[0]} is not", path="calibration")
