"""Studies of small data that are in a store already; nothing is read or trained."""

from __future__ import annotations

from typing import Any

from torch import nn

from flows.pipeline.run_context import Job
from flows.recipe.loading import validate_recipe
from flows.study.study_context import Study
from support import runs
from tasks.architectures import mlp
from tasks.core import Prepared, Store

TRAIN: dict[str, Any] = {"epochs": 4, "batch_size": 32, "learning_rate": 0.01}


def wide(input_shape: list[int], outputs: int, width: int = 8) -> nn.Module:
    """A user's network with a knob for its width."""
    return mlp(input_shape, outputs, width=width, depth=1)


def fixed(input_shape: list[int], outputs: int) -> nn.Module:
    """A user's network without one."""
    return mlp(input_shape, outputs, width=8, depth=1)


def study_of(prepared: Prepared, store: Store, **sections: Any) -> Study:
    """A study of prepared data, with a recipe of these sections."""
    content = {"name": "small", "data": {"source": "sklearn:digits"}, **sections}
    if "train" not in content and not ({"family", "file"} & content.get("model", {}).keys()):
        content["train"] = TRAIN
    recipe = validate_recipe(content)
    return Study(Job(recipe, runs.context_of(store), runs.Remembering()), prepared, recipe)
