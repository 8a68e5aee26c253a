"""Calibration of probabilities: a smooth map behind a classifier's probabilities, fitted by log loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from tasks.core import Refusal
from tasks.techniques.base import Batches, Lowers, Technique

if TYPE_CHECKING:
    import numpy as np

PERFECT = 0.999
"""Examples of which a model answers at least this share right were most likely trained on."""
STEEPEST = 1.4
"""A steeper map is refused: slopes were .8 to 1.3 on rows that were held out, 1.5 to 15 on those of the training."""


class Calibrate(Technique):
    """Makes probabilities mean what they say: Platt's sigmoid or temperature scaling, as operators behind them.

    Papers: Platt 1999 "Probabilistic Outputs for Support Vector Machines"; Guo et al. 2017 "On Calibration of Modern
    Neural Networks". The model must not have been trained on the calibration examples: give `data.calibration` a source
    of its own. Needs their classes. Refuses files whose measured output is no probabilities of all classes, examples
    that look trained on, and when nothing is gained out of fold.

    Card: docs/techniques/calibrate.md.
    """

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "onnx"
    lowers: ClassVar[tuple[Lowers, ...]] = ()

    step: Literal["calibrate"] = "calibrate"
    method: Literal["auto", "sigmoid", "temperature"] = "auto"
    """`sigmoid` (two classes): slope and offset of the log-odds; answers may cross one half, and the label follows.
    `temperature`: slope alone; the likeliest class stays. `auto`: by the number of classes."""

    def plan(self, model: bytes, batches: Batches) -> dict[str, Any]:
        """The map: `{"output", "slope", "offset": [number], "gain", "error", "examples", "labels": {output: [value]}}`.

        `gain` is the fall of the mean log loss on examples that the map was not fitted on, `error` its standard error.

        Args:
            model: the bytes of an ONNX file.
            batches: pairs of inputs ({name: array (count, ...)}) and class indices (count,).

        Raises:
            Refusal: the file gives no probabilities, the examples tell nothing, or nothing is gained.
        """
        import numpy as np

        from tasks.kernels.estimators import probability_calibration

        name, answers, found = _answers(model, batches)
        classes = _classes(batches, found.shape[1])
        if self.method == "sigmoid" and found.shape[1] > 2:
            raise Refusal(f"calibrate: sigmoid is for two classes, and {name} has {found.shape[1]}: use temperature")
        right = float(np.mean(found.argmax(axis=1) == classes))
        if right >= PERFECT:
            raise Refusal(
                f"calibrate: {name} is right in {right:.2%} of the calibration examples: the model was most likely "
                "trained on them; give data.calibration a source of its own"
            )
        offset = self.method != "temperature" and found.shape[1] == 2
        gains = probability_calibration.gains_of(found, classes, offset)
        gain, error = float(gains.mean()), float(gains.std() / np.sqrt(len(gains)))
        if gain <= error:
            raise Refusal(f"calibrate: {name} gains nothing: log loss falls by {gain:.4f} ± {error:.4f} out of fold")
        fitted = probability_calibration.fit_calibration(found, classes, offset)
        if fitted.slope > STEEPEST:
            raise Refusal(
                f"calibrate: {name} would get log-odds times {fitted.slope:.2f}, as of a model that was trained on the "
                "calibration examples: give data.calibration a source of its own"
            )
        labels = _labels(answers, name, found) if offset else {}
        shape = {"output": name, "slope": fitted.slope, "offset": list(fitted.offset), "labels": labels}
        plan = shape | {"gain": gain, "error": error, "examples": len(classes)}
        self.apply(model, plan)
        return plan

    def apply(self, model: bytes, plan: dict[str, Any]) -> bytes:
        """The file with the map behind its probabilities.

        Raises:
            Refusal: the plan was made for another file, or the file's operator set is too old.
        """
        import numpy as np

        from tasks.kernels.estimators import probability_calibration
        from tasks.kernels.onnx import description

        _, outputs = description.interface(model)
        missing = sorted({plan["output"], *plan["labels"]} - {output.name for output in outputs})
        if missing:
            raise Refusal(f"calibrate: the plan was made for another file: this one has no output {missing[0]}")
        mapping = probability_calibration.CalibrationMap(plan["slope"], tuple(plan["offset"]))
        texts = {name: isinstance(values[0], str) for name, values in plan["labels"].items()}
        labels = {name: np.array(v, object if texts[name] else np.int64) for name, v in plan["labels"].items()}
        try:
            return probability_calibration.with_calibration(model, plan["output"], mapping, labels)
        except ValueError as error:
            raise Refusal(f"calibrate: {error}") from error

    def own_words(self, plan: dict[str, Any]) -> str:
        """What the map does, and the gain."""
        offset = f" and offset {plan['offset'][1]:+.2f}" if plan["offset"] else ""
        return f"log-odds times {plan['slope']:.2f}{offset}, log loss {plan['gain']:.4f} lower out of fold"


def _answers(model: bytes, batches: Batches) -> tuple[str, dict[str, Any], np.ndarray]:
    """The measured output's name, all answers by name, and the probabilities (count, classes)."""
    import numpy as np

    from tasks.kernels.onnx import sessions
    from tasks.techniques.quantization.variant_comparison import nonempty_batches

    measured = sessions.measured_output(sessions.open_session(model))
    if measured.form != "probabilities":
        raise Refusal(f"calibrate: {measured.name} is read as {measured.form}, and not as probabilities of all classes")
    batches = nonempty_batches(batches)
    inputs = {name: np.concatenate([each[name] for each, _ in batches]) for name in batches[0][0]}
    answers = sessions.run_all(model, inputs)
    return measured.name, answers, np.asarray(answers[measured.name], np.float64)


def _classes(batches: Batches, count: int) -> np.ndarray:
    import numpy as np

    if any(targets is None for _, targets in batches):
        raise Refusal("calibrate: the calibration examples have no classes")
    found = np.concatenate([np.asarray(targets) for _, targets in batches])
    if found.dtype.kind not in "iu" or found.ndim != 1 or found.min() < 0 or found.max() >= count:
        raise Refusal(f"calibrate: the targets are no class indices below {count}")
    return found.astype(np.int64)


def _labels(answers: dict[str, Any], name: str, found: np.ndarray) -> dict[str, list[Any]]:
    """The values of the classes in each further output that names the likeliest class."""
    import numpy as np

    likeliest = found.argmax(axis=1)
    labels = {}
    for output, array in answers.items():
        if output == name or not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype.kind not in "iOUS":
            continue
        values = [np.unique(array[likeliest == each]) for each in range(found.shape[1])]
        if any(len(each) != 1 for each in values):
            raise Refusal(f"calibrate: {output} does not follow the likeliest class of {name}: use temperature")
        labels[output] = [each[0].item() if array.dtype.kind == "i" else str(each[0]) for each in values]
    return labels
