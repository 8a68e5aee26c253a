"""Conversion: a fitted scikit-learn estimator as an ONNX graph that takes the raw columns by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tasks.kernels.estimators.class_numbers import number_classes
from tasks.kernels.estimators.converters import mended_converters
from tasks.kernels.estimators.exactness import WORDS, Unconvertible, check_exact, parts_of, plain_pipeline
from tasks.kernels.estimators.graph_interface import with_interface
from tasks.kernels.estimators.idle_nodes import drop_idle_nodes

if TYPE_CHECKING:
    import onnx

OPSETS = {"": 18, "ai.onnx.ml": 3}
"""The operator sets of the graphs."""


@dataclass(frozen=True)
class RawInput:
    """One input of a graph, (batch, width): a raw column by its name, or a matrix of several."""

    name: str
    dtype: Literal["float32", "string"]
    width: int = 1


def convert_estimator(
    estimator: Any,
    inputs: Sequence[RawInput],
    classes: Sequence[str] | None = None,
    order: Sequence[int] | None = None,
) -> onnx.ModelProto:
    """A fitted transformer, model or Pipeline as a graph; equal estimators give equal bytes.

    The graph's inputs have the given names. Its outputs are: of a transformer `features`, float32 (batch, width); of
    a regressor `prediction`, float32 (batch, 1); of a classifier `label`, the class by name (batch,), and
    `probabilities`, float32 (batch, classes). An output whose name is that of an input gets underscores appended.

    Args:
        estimator: fitted on a frame with the inputs as columns, in any order, or on a matrix where that is the input.
            Its samplers (imbalanced-learn's) are left out.
        inputs: the raw inputs; those that the estimator does not read stay inputs.
        classes: of a classifier, the names of the classes 0, 1, … that it was fitted on.
        order: of a classifier with other classes, the position among them of each of `classes`.

    Raises:
        Unconvertible: a part has no exact form as a graph, or the classes are not those of the classifier.
    """
    estimator = plain_pipeline(estimator)
    check_exact(estimator, len(inputs))
    names = _class_names(estimator, classes) if order is None else list(classes or ())
    graph = _translated(estimator, inputs)
    graph = graph if order is None else number_classes(graph, list(estimator.classes_), order)
    return with_interface(graph, [each.name for each in inputs], _kind(estimator), names)


def _kind(estimator: Any) -> Literal["classifier", "regressor", "transformer"]:
    from sklearn.base import is_classifier, is_regressor

    if is_classifier(estimator):
        return "classifier"
    return "regressor" if is_regressor(estimator) else "transformer"


def _class_names(estimator: Any, classes: Sequence[str] | None) -> list[str]:
    if _kind(estimator) != "classifier":
        return []
    names, known = list(classes or ()), list(estimator.classes_)
    if known != list(range(len(names))):
        raise Unconvertible(f"the classifier was fitted on the classes {known}, which are not 0 to {len(names) - 1}")
    return names


def _translated(estimator: Any, inputs: Sequence[RawInput]) -> onnx.ModelProto:
    """The graph as skl2onnx writes it, without its idle nodes."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    types = {"float32": FloatTensorType, "string": StringTensorType}
    taken = [(each.name, types[each.dtype]([None, each.width])) for each in inputs]
    try:
        with mended_converters():
            made = convert_sklearn(
                estimator, "estimator", taken, target_opset=OPSETS, options=_options(estimator) or None
            )
            return drop_idle_nodes(made)
    except Exception as error:  # skl2onnx raises whatever its converters raise
        raise Unconvertible(f"{type(estimator).__name__} cannot be converted: {_first_line(error)}") from error


def _options(estimator: Any) -> dict[Any, dict[str, Any]]:
    """No maps of probabilities, and the runtime's own tokens for text."""
    options: dict[Any, dict[str, Any]] = {}
    for _, part in parts_of(estimator):
        if hasattr(part, "build_tokenizer"):
            options[id(part)] = {"locale": "C", "tokenexp": WORDS}
    if _kind(estimator) == "classifier":
        options[id(estimator)] = {"zipmap": False}
    return options


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
