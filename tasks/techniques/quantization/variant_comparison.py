"""Compares variants of an ONNX file with the float file: answers and time, on the calibration examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tasks.core import InputError, Refusal
from tasks.techniques.base import Batches

if TYPE_CHECKING:
    import numpy as np

EXAMPLES = 512
"""On how many calibration examples answers are compared, at most."""
SECONDS = 0.5
"""Time spent on timing, for each file: one thread, one example at a time."""

ERROR_FACTOR = 2.0
"""A variant is not taken when its error is more than this many times the smallest of those that quantize the same
operators: one bit less of precision."""
AGREEMENT = 0.9
"""Smallest share of examples for which a new ONNX file must give the same answer as the one before: the same class, or
in regression a number within a tenth of the largest output."""
LOSS_TOLERANCE = 0.01
"""Without a limit, a variant is not taken when its loss is higher than the least by more than this; 512 examples cannot
tell smaller differences."""
REGRESSION_LIMIT = 0.05
"""The limit of a regression's loss unless there is another: an error of this share of the outputs' deviation."""
SPEED_FACTOR, SIZE_FACTOR = 1.05, 1.01
"""Speeds within this factor of the fastest, and sizes within that of the smallest, count as equal."""


def nonempty_batches(batches: Batches) -> Batches:
    """The batches that hold at least one example. Raises InputError when none does."""
    found = [each for each in batches if len(next(iter(each[0].values())))]
    if not found:
        raise InputError("calibration needs examples, but there are none", path="calibration")
    return found


@dataclass(frozen=True)
class FloatReference:
    """The float file and its answers, with which its variants are compared."""

    model: bytes
    inputs: dict[str, np.ndarray]
    """The calibration examples: (count, ...) by the input's name."""
    classes: np.ndarray | None
    """The targets (count,) where they are class indices of the outputs; else None."""
    outputs: np.ndarray
    """The float file's outputs (count, ...)."""

    def judge(self, data: bytes) -> dict[str, Any]:
        """`judge_variant` of the answers of the ONNX file `data` in the engine of `timing_engine`."""
        from tasks.kernels.engines.timing_engine import answer_timed

        return judge_variant(self.outputs, answer_timed(data, self.inputs), self.classes)

    def time(self, files: Mapping[str, bytes], seconds: float | None = None) -> dict[str, dict[str, float]]:
        """Each file's milliseconds for one example (`ms`) and `speedup` against the float file, timed interleaved.

        All run in the engine of `timing_engine`; files that it cannot run are left out. `seconds` is the time spent on
        each file; absent: SECONDS.

        Raises:
            Refusal: the engine runs none of them.
        """
        import numpy as np

        from tasks.kernels.host import measurement_lock
        from tasks.kernels.latency import interleaving
        from tasks.kernels.onnx.sessions import bound_call

        opened = runnable({"": self.model, **files})
        one = {name: array[:1] for name, array in self.inputs.items()}
        calls = {name: bound_call(session, one) for name, session in opened.items()}
        with measurement_lock.exclusive_use():
            times = interleaving.interleave(calls, (seconds or SECONDS) * len(calls))
        return {
            name: {"ms": float(np.median(times[name])), "speedup": interleaving.time_ratio(times[""], times[name])}
            for name in calls
            if name
        }

    def compare(self, files: Mapping[str, bytes], key: str) -> list[dict[str, Any]]:
        """One row for each file that `time` can time: its name under `key`, its answers, its time and its bytes."""
        return [
            {key: name, **self.judge(files[name]), **time, "bytes": len(files[name])}
            for name, time in self.time(files).items()
        ]


def runnable(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Sessions of the files that the engine of `timing_engine` can run.

    Raises:
        Refusal: it cannot run the float file, named "", or none of the others.
    """
    from tasks.kernels.engines.openvino_model import UnsupportedModelError
    from tasks.kernels.engines.timing_engine import open_timed

    opened, reason = {}, ""
    for name, data in files.items():
        try:
            opened[name] = open_timed(data)
        except UnsupportedModelError as error:
            reason = reason or str(error)
    if "" not in opened or len(opened) == 1:
        raise Refusal(reason)
    return opened


def measure_reference(model: bytes, batches: Batches) -> FloatReference:
    """The float file's answers on at most EXAMPLES calibration examples, in ONNX Runtime."""
    import numpy as np

    from tasks.kernels.onnx import sessions

    inputs = {
        name: np.concatenate([each[name] for each, _ in batches if len(each[name])])[:EXAMPLES]
        for name in batches[0][0]
    }
    outputs = sessions.predict(model, inputs)
    return FloatReference(model, inputs, _classes([targets for _, targets in batches], outputs), outputs)


def _classes(targets: Sequence[Any], outputs: np.ndarray) -> np.ndarray | None:
    """The targets (count,) of all batches in one array, where they are class indices of the outputs; else None."""
    import numpy as np

    if outputs.ndim != 2 or outputs.shape[1] < 2 or any(each is None for each in targets):
        return None
    found = np.concatenate([np.asarray(each) for each in targets])[: len(outputs)]
    whole = found.dtype.kind in "iu" and found.shape == outputs.shape[:1]
    return found if whole and found.min() >= 0 and found.max() < outputs.shape[1] else None


def judge_variant(before: np.ndarray, after: np.ndarray, classes: np.ndarray | None = None) -> dict[str, Any]:
    """How the outputs after differ from those before, both (count, outputs).

    `error`: root mean squared difference over the standard deviation of the outputs before. `agreement`: share of
    examples with the same class; None with one output. `accuracy`: of the outputs after; None without `classes`.
    `loss`: the loss of accuracy; without `classes` the loss of agreement; with one output the error.
    """
    import numpy as np

    error = float(np.sqrt(np.mean((after - before) ** 2))) / max(float(before.std()), 1e-12)
    if before.ndim != 2 or before.shape[1] < 2:
        return {"error": error, "agreement": None, "accuracy": None, "loss": error}
    was, now = before.argmax(1), after.argmax(1)
    agreement = float(np.mean(was == now))
    if classes is None:
        return {"error": error, "agreement": agreement, "accuracy": None, "loss": 1 - agreement}
    accuracy = float(np.mean(now == classes))
    loss = float(np.mean(was == classes)) - accuracy
    return {"error": error, "agreement": agreement, "accuracy": accuracy, "loss": loss}


def choose_variant(
    tried: Sequence[dict[str, Any]], limits: Sequence[float] = (), prefer: Literal["latency", "bytes"] = "latency"
) -> dict[str, Any]:
    """The row of the fastest or smallest acceptable variant; of equal ones the fastest, then the most exact.

    Acceptable: an error near the smallest of its kind (ERROR_FACTOR), the same answer on enough examples (AGREEMENT),
    and a loss within the first of `limits` that any variant keeps, or else near the least loss (LOSS_TOLERANCE). No
    row is taken when another one that loses no more is both faster and smaller.

    Args:
        tried: rows of `FloatReference.compare`, or of `Int8Search.try_all`, whose `dynamic` variants are a kind of
            their own, because they leave operators in float that the others quantize.
        limits: the losses that are accepted, the better ones first.
        prefer: the cost that decides first.
    """
    within = _acceptable(tried, limits)
    kept = [row for row in within if not any(_dominates(other, row) for other in within)]
    if prefer == "bytes":
        smallest = min(row["bytes"] for row in kept)
        kept = [row for row in kept if row["bytes"] <= SIZE_FACTOR * smallest]
    fastest = max(row["speedup"] for row in kept)
    return min((row for row in kept if SPEED_FACTOR * row["speedup"] >= fastest), key=lambda row: float(row["error"]))


def _acceptable(tried: Sequence[dict[str, Any]], limits: Sequence[float]) -> list[dict[str, Any]]:
    kinds = [[row for row in tried if (row.get("variant") == "dynamic") is each] for each in (False, True)]
    near = [row for kind in kinds for row in kind if row["error"] <= ERROR_FACTOR * min(one["error"] for one in kind)]
    sound = [row for row in near if row["agreement"] is None or row["agreement"] >= AGREEMENT] or near
    if not limits and sound[0]["agreement"] is None:
        limits = (REGRESSION_LIMIT,)
    for limit in limits:
        if within := [row for row in sound if row["loss"] <= limit]:
            return within
    least = min(row["loss"] for row in sound)
    return [row for row in sound if row["loss"] <= least + LOSS_TOLERANCE]


def _dominates(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether the first row is faster and smaller than the second, and loses no more."""
    cheaper = one["speedup"] > other["speedup"] and one["bytes"] < other["bytes"]
    return bool(cheaper and one["loss"] <= other["loss"])
