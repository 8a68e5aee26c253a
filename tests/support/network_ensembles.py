"""Recipes whose model is an ensemble of small networks on scikit-learn's digits."""

from __future__ import annotations

from typing import Any

from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe

SMALL = {"width": 8, "depth": 1}
NETWORK = {"factory": "tasks.architectures:mlp", "arguments": SMALL}
STUDENT = {"step": "distill", **NETWORK, "epochs": 1, "learning_rate": 0.01}


def recipe_of(ensemble: dict[str, Any], **more: Any) -> Recipe:
    """Two epochs of networks that are averaged as `ensemble` says; `more` are other sections."""
    content = {
        "name": "several",
        "data": {"source": "sklearn:digits", "split": {"calibration": 64}},
        "model": {**NETWORK, "ensemble": ensemble},
        "train": {"epochs": 2, "batch_size": 64, "learning_rate": 0.01},
        "goal": {"max_drop": 1.0, "minimize": "bytes"},
    }
    return validate_recipe({**content, **more})
