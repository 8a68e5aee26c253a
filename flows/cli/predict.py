"""Predict: the registered champion's predictions for a file of examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from flows.recipe.schema import Recipe
from tasks.core import Workspace
from tasks.data.product_inputs import read_inputs
from tasks.kernels.onnx import description, sessions
from tasks.tracking import registry

if TYPE_CHECKING:
    pass


def predict_file(recipe: Recipe, source: Path, workspace: Workspace) -> list[str]:
    """The champion's prediction for each example, as text: the name of the class, or the number.

    Args:
        recipe: its name is the registered model's.
        source: a file or folder of examples (`product_inputs.read_inputs`).
        workspace: knows the tracking server.

    Raises:
        InputError: there is no champion, or the file does not hold the product's inputs.
        Refusal: the champion's file is not the one that was registered.
    """
    _, model = registry.champion(workspace.tracking_uri, recipe.name)
    outputs = sessions.predict(model, read_inputs(source, model, recipe.data.inputs), provider=recipe.runtime.provider)
    classes = json.loads(description.metadata(model).get("classes", "[]"))
    if classes:
        return [classes[index] for index in outputs.argmax(axis=1)]
    return [f"{value:.6g}" for value in outputs[:, 0]]
