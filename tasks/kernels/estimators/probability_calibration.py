"""Probability calibration: a smooth map of a file's probabilities, fitted by log loss, as operators behind them.

The map takes probabilities p to the normalized p ** slope * exp(offset): for two classes Platt's sigmoid of the
log-odds; without offset temperature scaling, with slope 1 / temperature.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from tasks.kernels.estimators.tree_ensembles import Integers
from tasks.kernels.estimators.tree_evaluation import Doubles
from tasks.kernels.onnx.serialization import dump, load_proto
from tasks.kernels.onnx.subgraphs import inner_graphs, nodes_of

LEAST = 1e-7
"""Probabilities are clipped to this much before their logarithm is taken."""
FOLDS = 5
OPSET = 13
"""The oldest operator set in which the operators are written."""


@dataclass(frozen=True)
class CalibrationMap:
    """The map p → normalized p ** slope * exp(offset)."""

    slope: float
    """Above 0; below 1 it makes probabilities less extreme."""
    offset: tuple[float, ...]
    """(classes,), the first 0; empty: none."""

    def probabilities(self, found: Doubles) -> Doubles:
        """The mapped probabilities, (rows, classes)."""
        logits = self.slope * np.log(np.clip(found, LEAST, 1 - LEAST)) + (self.offset or 0.0)
        grown = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(grown / grown.sum(axis=1, keepdims=True))


def fit_calibration(found: Doubles, classes: Integers, offset: bool) -> CalibrationMap:
    """The map with the least log loss.

    Args:
        found: probabilities (rows, classes).
        classes: the true classes (rows,).
        offset: whether two classes get an offset too (sigmoid), or only the slope is fitted (temperature).
    """
    from scipy import optimize

    def loss(point: Doubles) -> float:
        return float(losses_of(_map_at(point).probabilities(found), classes).mean())

    start = np.zeros(2 if offset else 1)
    return _map_at(optimize.minimize(loss, start, method="L-BFGS-B", bounds=[(-5, 5)] * len(start)).x)


def _map_at(point: Doubles) -> CalibrationMap:
    return CalibrationMap(float(np.exp(point[0])), (0.0, float(point[1])) if len(point) == 2 else ())


def losses_of(found: Doubles, classes: Integers) -> Doubles:
    """The log loss of each row: probabilities (rows, classes) and true classes (rows,)."""
    return -np.log(np.clip(found[np.arange(len(classes)), classes], LEAST, 1))


def gains_of(found: Doubles, classes: Integers, offset: bool) -> Doubles:
    """By how much the log loss of each row falls under a map that was fitted on other rows (FOLDS folds)."""
    fold = np.arange(len(classes)) % FOLDS
    mapped = found.copy()
    for each in range(FOLDS):
        fitted = fit_calibration(found[fold != each], classes[fold != each], offset)
        mapped[fold == each] = fitted.probabilities(found[fold == each])
    return losses_of(found, classes) - losses_of(mapped, classes)


def with_calibration(model: bytes, name: str, mapping: CalibrationMap, labels: dict[str, NDArray[np.generic]]) -> bytes:
    """The file whose output `name`, probabilities (rows, classes), is mapped.

    Args:
        labels: further outputs that say the likeliest class: output name → the values of the classes, in their order.

    Raises:
        ValueError: the file's operator set is older than OPSET.
    """
    proto = load_proto(model)
    version = next((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if version < OPSET:
        raise ValueError(f"the file is of operator set {version}, and {OPSET} is needed")
    prefix = _free_prefix(proto)
    raw = _set_aside(proto.graph, name, prefix)
    numbers = {"least": LEAST, "most": 1 - LEAST, "slope": mapping.slope}
    constants: dict[str, NDArray[np.generic]] = {key: np.array(value, np.float32) for key, value in numbers.items()}
    steps = [("Clip", raw, "least", "most"), ("Log", "clipped"), ("Mul", "logs", "slope")]
    made = ["clipped", "logs", "scaled"]
    if mapping.offset:
        constants["offset"] = np.array(mapping.offset, np.float32)
        steps, made = [*steps, ("Add", "scaled", "offset")], [*made, "shifted"]
    steps, made = [*steps, ("Softmax", made[-1])], [*made, name]
    for number, (label, values) in enumerate(labels.items()):
        _set_aside(proto.graph, label, prefix)
        constants[f"classes{number}"] = values
        steps += [("ArgMax", name), ("Gather", f"classes{number}", f"likeliest{number}")]
        made += [f"likeliest{number}", label]
    own = {each: f"{prefix}/{each}" for each in (*constants, *made) if each != name and each not in labels}
    for (kind, *read), written in zip(steps, made, strict=True):
        options = {"Softmax": {"axis": 1}, "ArgMax": {"axis": 1, "keepdims": 0}}.get(kind, {})
        inputs = [own.get(each, each) for each in read]
        where = own.get(written, written)
        proto.graph.node.append(helper.make_node(kind, inputs, [where], f"{prefix}/{kind}/{written}", **options))
    for each, array in constants.items():
        proto.graph.initializer.append(numpy_helper.from_array(array, own[each]))
    return dump(proto)


def _free_prefix(proto: onnx.ModelProto) -> str:
    """A prefix of names that nothing in the file has: a file may be calibrated again."""
    nodes = list(nodes_of(proto))
    taken = {name.partition("/")[0] for node in nodes for name in (node.name, *node.input, *node.output)}
    return next(name for number in range(len(nodes) + 1) if (name := f"calibrate{number or ''}") not in taken)


def _set_aside(graph: onnx.GraphProto, name: str, prefix: str) -> str:
    """Gives the tensor `name` another name wherever it is made and read, and returns that."""
    new = f"{prefix}/before/{name}"
    for node in graph.node:
        for field in (node.input, node.output):
            field[:] = [new if each == name else each for each in field]
        for inner in inner_graphs(node):
            _set_aside(inner, name, prefix)
    return new
