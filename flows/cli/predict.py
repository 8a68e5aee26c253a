"""predict."""

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
    """One answer a line: the class's name, or the number.

    Raises:
        InputError: there is no champion, or the file does not hold what the product takes.
    """
    _, model = registry.champion(workspace.tracking_uri, recipe.name)
    outputs = sessions.predict(model, read_inputs(source, model, recipe.data.inputs), provider=recipe.runtime.provider)
    classes = json.loads(description.metadata(model).get("classes", "[]"))
    if classes:
        return [classes[index] for index in outputs.argmax(axis=1)]
    return [f"{value:.6g}" for value in outputs[:, 0]]
