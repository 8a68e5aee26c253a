"""Augmentation: rotation, crop, flip, and all together."""

from __future__ import annotations

from typing import Any

from flows.study.designs.hyperparameters import why_untrained
from flows.study.study_context import Study
from tasks.core import Dataset
from tasks.study.design import Cell, Design, UnsuitedTable

TITLE = "Augmentation"
SHIFT = 8
"""A crop moves an image by at most its shorter side divided by this: by 4 pixels of 32, as is usual."""
SEQUENCES: dict[str, dict[str, Any]] = {
    "jitter": {"step": "jitter"},
    "scaling": {"step": "scaling"},
    "time mask": {"step": "time_mask"},
}


def design_augmentation(study: Study) -> Design | UnsuitedTable:
    """What the recipe has, no augmentation, each kind alone, and all of them."""
    recipe, dataset = study.recipe, study.prepared.dataset
    if dataset.kind == "table":
        return UnsuitedTable("augmentation", TITLE, "rows of a table are not augmented")
    if reason := why_untrained(study):
        return UnsuitedTable("augmentation", TITLE, reason)
    if dataset.kind == "array" and len(dataset.input_shape) != 2:
        return UnsuitedTable("augmentation", TITLE, "there are augmentations of images and of sequences alone")
    kinds = kinds_of_images(dataset) if dataset.kind == "images" else SEQUENCES
    ways = {"none": [], **{name: [step] for name, step in kinds.items()}, "all together": [*kinds.values()]}
    own = [step.model_dump(mode="json", exclude_unset=True) for step in recipe.augment]
    reference = next((name for name, steps in ways.items() if steps == own), "as in the recipe")
    return Design(
        "augmentation",
        TITLE,
        "Which random changes of the training examples help?",
        "the augmentation",
        "network, training and data",
        (Cell(reference), *(Cell(name, {"augment": steps}) for name, steps in ways.items() if name != reference)),
    )


def kinds_of_images(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Rotation, crop and flip; a crop suits the size of the images."""
    padding = max(1, min(dataset.input_shape[:2]) // SHIFT)
    return {"rotation": {"step": "rotate"}, "crop": {"step": "crop", "padding": padding}, "flip": {"step": "flip"}}
