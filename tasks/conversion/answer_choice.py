"""Answer choice: which output of an imported ONNX file answers the data, and in which form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tasks.conversion.input_adapter import PATH
from tasks.core import Dataset, InputError, nearest_choice
from tasks.models.model_spec import ModelSpec

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.onnx.description import Tensor
    from tasks.kernels.onnx.sessions import MeasuredOutput
    from tasks.kernels.statistics.metrics import Metric

OUTPUT = "model.output"


def choose_output(
    answers: Mapping[str, Any], outputs: tuple[Tensor, ...], model: ModelSpec, dataset: Dataset
) -> MeasuredOutput:
    """The output that the recipe names; without a name the first, or the only one that fits the data.

    Args:
        answers: all outputs for some examples, by name.
        outputs: their types and shapes.
        model: the file's path and the output's name or index, if it has one.
        dataset: the data.

    Raises:
        InputError: no output fits, several do and none is named, or the answers are not finite; says what to write.
    """
    import numpy as np

    from tasks.kernels.onnx.sessions import MeasuredOutput

    fits = [name for name, found in answers.items() if answers_data(found, dataset)]
    if model.output is not None:
        name = _named(model.output, list(answers))
        if name not in fits:
            near = fits[0] if fits else None
            law = f"must name {_wanted(dataset)}"
            raise InputError(law, path=OUTPUT, value=_listed(outputs, answers), nearest=near)
    else:
        name = _found(fits, outputs, answers, model, dataset)
    found = np.asarray(answers[name])
    if not np.isfinite(found).all():
        raise InputError("must answer the data with finite numbers", file=model.file, path=PATH)
    return MeasuredOutput(name, form_of_answer(found, dataset))


def _named(output: str | int, names: list[str]) -> str:
    place = output if isinstance(output, int) else int(output) if output.lstrip("-").isdigit() else None
    if isinstance(output, str) and output in names:
        return output
    if place is not None and 0 <= place < len(names):
        return names[place]
    near = nearest_choice(str(output), names) or ", ".join(names)
    raise InputError("must name an output of the file", path=OUTPUT, value=output, nearest=near)


def _found(
    fits: list[str], outputs: tuple[Tensor, ...], answers: Mapping[str, Any], model: ModelSpec, dataset: Dataset
) -> str:
    first = next(iter(answers))
    if first in fits:
        return first
    if len(fits) == 1:
        return fits[0]
    if fits:
        law = f"must say which output is measured; {', '.join(fits)} are {_wanted(dataset)}"
        raise InputError(law, path=OUTPUT, nearest=fits[0])
    law = f"must have {_wanted(dataset)}"
    raise InputError(law, file=model.file, path=PATH, value=_listed(outputs, answers), nearest=_way_out(outputs))


def _wanted(dataset: Dataset) -> str:
    if not dataset.classes:
        return "an output of floats of shape (batch, 1) or (batch,)"
    also = ", (batch, 1) or (batch,)" if dataset.outputs == 2 else ""
    return (
        f"an output of floats of shape (batch, {dataset.outputs}){also} for the {dataset.outputs} classes of the data"
    )


def _listed(outputs: tuple[Tensor, ...], answers: Mapping[str, Any]) -> str:
    """The outputs with the shapes that they really have."""
    import dataclasses

    from tasks.kernels.onnx import description

    shaped = [
        dataclasses.replace(each, shape=("batch", *answers[each.name].shape[1:]))
        if getattr(answers[each.name], "ndim", 0)
        else each
        for each in outputs
    ]
    return description.listed(tuple(shaped))


def _way_out(outputs: tuple[Tensor, ...]) -> str | None:
    if len(outputs) == 1 and outputs[0].dtype.startswith(("int", "string")):
        return "a file that gives the scores or probabilities beside the label"
    return None


def answers_data(found: Any, dataset: Dataset) -> bool:
    """Whether an output, (examples, …), can answer the data: floats in as many columns as a model has outputs."""
    import numpy as np

    if not isinstance(found, np.ndarray) or found.dtype.kind != "f" or found.ndim not in (1, 2):
        return False
    single = found.ndim == 1 or found.shape[1] == 1
    return (single and dataset.outputs <= 2) or (found.ndim == 2 and found.shape[1] == dataset.outputs)


def form_of_answer(found: Any, dataset: Dataset) -> Any:
    """How an output that `answers_data` is read, as in `MeasuredOutput.form`: by the values that it has."""
    import numpy as np

    if not dataset.classes:
        return "rows"
    is_share = bool(found.min() >= 0 and found.max() <= 1 + 1e-6)
    if found.ndim == 1 or found.shape[1] == 1:
        return "probability" if is_share else "logit"
    return "probabilities" if is_share and np.allclose(found.sum(axis=1), 1, atol=1e-3) else "rows"


def check_metric(measured: MeasuredOutput, found: np.ndarray, metric: Metric, file: str) -> None:
    """Checks that the metric is defined on the file's answers.

    Args:
        measured: the output.
        found: its values for some examples.
        metric: the goal's metric.
        file: path of the file, for the message.

    Raises:
        InputError: the metric needs logits or probabilities, and the answers are numbers from 0 to 1 that are neither.
    """
    if metric.needs_logits and measured.form == "rows" and found.min() >= 0 and found.max() <= 1:
        law = f"needs logits, or probabilities that sum to 1, but {file} answers with other numbers from 0 to 1"
        raise InputError(law, path="goal.metric", value=metric.name, nearest="accuracy")
