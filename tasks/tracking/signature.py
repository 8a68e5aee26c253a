"""Signature: what MLflow knows of a product's inputs and outputs, and how its pyfunc is called by it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.dataset import MATRIX
from tasks.data.input_layout import COLUMNS

if TYPE_CHECKING:
    import numpy as np
    from mlflow.models import ModelSignature

TOLERANCE = 1e-4
"""Largest accepted difference between MLflow's predictions and the product's, relative to the largest absolute output
(at least 1)."""


def signature_of(model: Path, inputs: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> ModelSignature:
    """A signature with a named tensor for each input and for each output; the batch is free unless the file fixes it.

    Tensors instead of MLflow's columns, because MLflow passes a column to the file as (batch,), and the file takes
    (batch, 1). Only the one input of a wide table is MLflow's columns, one double for each of the table's: MLflow puts
    them side by side, in the order of the signature.
    """
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    from tasks.kernels.onnx import description

    count = description.fixed_batch(model) or -1

    def spec(name: str, array: np.ndarray) -> Any:
        kind = np.dtype(object) if array.dtype.kind in "OU" else array.dtype
        return TensorSpec(kind, (count, *array.shape[1:]), name)

    names = matrix_columns(model, expected)
    taken = [ColSpec("double", name) for name in names] or [spec(name, array) for name, array in inputs.items()]
    given = [spec(name, array) for name, array in expected.items()]
    return ModelSignature(inputs=Schema(taken), outputs=Schema(given))


def predict_as_user(
    loaded: Any, model: Path, inputs: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The answers of a loaded pyfunc model, called as its signature says: output name → array, shaped as `expected`."""
    import numpy as np
    import pandas as pd

    names = matrix_columns(model, expected)
    if names:
        outputs = loaded.predict(pd.DataFrame(inputs[MATRIX], columns=names))
        return {name: outputs[name].to_numpy().reshape(each.shape) for name, each in expected.items()}
    outputs = loaded.predict({name: x.astype(object) if x.dtype.kind == "U" else x for name, x in inputs.items()})
    return {name: np.asarray(outputs[name]) for name in expected}


def matrix_columns(model: Path, outputs: Collection[str]) -> list[str]:
    """The names of the columns of a wide table's one input; empty for other products.

    Also for one with several outputs: MLflow answers columns as columns, and outputs of different widths do not fit.
    """
    from tasks.kernels.onnx import description

    inputs, said = description.interface(model)[0], description.metadata(model)
    if COLUMNS not in said or len(outputs) != 1 or [tensor.name for tensor in inputs] != [MATRIX]:
        return []
    return [str(name) for name in json.loads(said[COLUMNS])]


def output_difference(predicted: np.ndarray, expected: np.ndarray) -> str | None:
    """In what two outputs differ by more than TOLERANCE, as text; None when they do not. Text must be the same."""
    import numpy as np

    if predicted.shape != expected.shape:
        return f"outputs have the shape {predicted.shape} instead of {expected.shape}"
    if expected.dtype.kind not in "biuf":
        return None if (predicted == expected).all() else "outputs differ"
    difference = float(np.abs(predicted.astype(float) - expected.astype(float)).max())
    if difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
        return None
    return f"outputs differ by {difference:.2g}, more than {TOLERANCE:g} of the largest output"
