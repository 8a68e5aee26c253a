"""int8: weights and activations in eight bits (QDQ), in the number formats that suit this host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from tasks.artifacts import InputError, Refusal, nearest
from tasks.techniques.base import Batches, Lowers, Technique

if TYPE_CHECKING:
    import numpy as np

Formats = Literal["u8s8_reduced", "u8s8", "u8u8", "s8s8"]
ONE_BIT = 2.0
"""A variant is out when its error is more than this many times the smallest: it lost more than one bit."""
TIE = 1.05
"""Times within this factor of the fastest count as equal; then the smaller error decides."""
EXAMPLES = 256
"""How many calibration examples the variants' errors are measured on, at most."""
SECONDS = 0.5
"""Time spent on timing, for each variant."""


def choose(tried: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The fastest of the variants within one bit of the most exact; of equally fast ones, the most exact."""
    exact = min(row["error"] for row in tried)
    sound = [row for row in tried if row["error"] <= ONE_BIT * exact]
    fastest = min(row["ms"] for row in sound)
    return min((row for row in sound if row["ms"] <= TIE * fastest), key=lambda row: float(row["error"]))


class Int8(Technique):
    """Post-training quantization of convolutions and matrix products; preprocessing stays float.

    Which formats are fast and do not saturate depends on the processor, so all `variants` are built and
    measured where the plan is made. The runtime's products sum in 32 bits; the last one answers in float.
    """

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "onnx"
    lowers: ClassVar[tuple[Lowers, ...]] = ("bytes", "latency")
    asks_host: ClassVar[bool] = True

    step: Literal["int8"] = "int8"
    calibration: Literal["minmax", "entropy", "percentile"] = "minmax"
    """How the ranges of activations are chosen: all values, least divergence, or the middle 99.99 %."""
    variants: tuple[Formats, ...] = Field(default=("u8s8_reduced", "u8s8", "u8u8", "s8s8"), min_length=1)
    """Number formats to try: activations, then weights; `reduced` means weights of 7 bits."""
    per_channel: bool = True
    """Whether each output channel of a weight has its own scale."""
    ignore: tuple[str, ...] = ()
    """Names of operators that stay float."""

    def plan(self, model: bytes, batches: Batches) -> dict[str, Any]:
        """Calibrates, builds each variant, and measures its error and its time beside the float file's.

        The error is the root mean squared difference to the float outputs, over their standard deviation.

        Raises:
            InputError: calibration data are empty, all the same or not finite; `ignore` names no operator.
            Refusal: nothing in the graph can run in eight bits, or the file would not get smaller.
        """
        from tasks.kernels import runtime

        inputs = [batch for batch, _ in batches]
        _check_examples(inputs)
        fused = runtime.fuse(model)
        nodes = self._nodes(runtime.quantizable(fused))
        ranges = runtime.collect_ranges(fused, nodes, inputs, self.calibration)
        _check_ranges(ranges, inputs)
        files = {
            variant: runtime.quantize(fused, nodes, ranges, variant, self.per_channel) for variant in self.variants
        }
        tried = _measure(model, files, inputs)
        best = choose(tried)
        if best["bytes"] >= len(model):
            sizes = f"{len(model)} bytes would become {best['bytes']}"
            raise Refusal(f"int8: {', '.join(nodes)}: too small for what quantization adds: {sizes}")
        return {
            "variant": best["variant"],
            "per_channel": self.per_channel,
            "nodes": nodes,
            "ranges": {name: list(limits) for name, limits in ranges.items()},
            "tried": tried,
        }

    def apply(self, model: bytes, plan: dict[str, Any]) -> bytes:
        """The quantized file, from the plan's ranges.

        Raises:
            Refusal: the plan was made for another graph.
        """
        from tasks.kernels import runtime

        fused = runtime.fuse(model)
        unknown = sorted(set(plan["nodes"]) - set(runtime.quantizable(fused)))
        if unknown:
            raise Refusal(f"int8: the plan was made for another graph: operator {unknown[0]} is not in this one")
        ranges = {name: (low, high) for name, (low, high) in plan["ranges"].items()}
        return runtime.quantize(fused, plan["nodes"], ranges, plan["variant"], plan["per_channel"])

    def _nodes(self, names: list[str]) -> list[str]:
        if not names:
            raise Refusal("int8: the graph has no convolution or matrix product with constant float weights")
        for name in self.ignore:
            if name not in names:
                law = "must name a convolution or matrix product of the graph"
                raise InputError(law, path="ignore", value=name, nearest=nearest(name, names))
        kept = [name for name in names if name not in self.ignore]
        if not kept:
            raise Refusal(f"int8: ignore leaves no operator to quantize: all of {', '.join(names)} stay float")
        return kept


def _check_examples(inputs: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Raises InputError unless two examples differ in some input."""
    import numpy as np

    filled = [batch for batch in inputs if len(next(iter(batch.values())))]
    if not filled:
        raise InputError("calibration needs examples, but there are none", path="calibration")
    first = {name: array[:1] for name, array in filled[0].items()}

    def repeats(name: str, array: np.ndarray) -> bool:
        return np.array_equal(array, np.broadcast_to(first[name], array.shape), array.dtype.kind == "f")

    if all(repeats(name, array) for batch in filled for name, array in batch.items()):
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


def _measure(
    model: bytes, files: Mapping[Formats, bytes], inputs: Sequence[Mapping[str, np.ndarray]]
) -> list[dict[str, Any]]:
    """Each file's error, agreement and speed-up against the float one, milliseconds an example, bytes."""
    import numpy as np

    from tasks.kernels import latency, runtime

    examples = {name: np.concatenate([batch[name] for batch in inputs])[:EXAMPLES] for name in inputs[0]}
    one = {name: array[:1] for name, array in examples.items()}
    sessions = {"float": runtime.open_session(model)} | {
        str(name): runtime.open_session(data) for name, data in files.items()
    }
    times = latency.interleave(
        {name: partial(session.run, None, one) for name, session in sessions.items()}, SECONDS * len(sessions)
    )
    float_outputs = runtime.predict(model, examples)
    return [
        {
            "variant": name,
            **difference(float_outputs, runtime.predict(data, examples)),
            "ms": float(np.median(times[name])),
            "speedup": latency.ratio(times["float"], times[name]),
            "bytes": len(data),
        }
        for name, data in files.items()
    ]


def difference(before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    """Error of the outputs after against before, and the share of equal classes (None with one output)."""
    import numpy as np

    spread = max(float(before.std()), 1e-12)
    several = before.ndim > 1 and before.shape[1] > 1
    return {
        "error": float(np.sqrt(np.mean((after - before) ** 2))) / spread,
        "agreement": float(np.mean(before.argmax(1) == after.argmax(1))) if several else None,
    }
