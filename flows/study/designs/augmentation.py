"""Augmentation: rotation, crop, flip, and all together."""

from __future__ import annotations

from typing import Any

from flows.study.study_context import Study
from tasks.study.design import Cell, Design, LeftOut

TITLE = "Augmentation"
IMAGES: dict[str, dict[str, Any]] = {
    "rotation": {"step": "rotate"},
    "crop": {"step": "crop"},
    "flip": {"step": "flip"},
}
SEQUENCES: dict[str, dict[str, Any]] = {
    "jitter": {"step": "jitter"},
    "scaling": {"step": "scaling"},
    "time mask": {"step": "time_mask"},
}


def design_augmentation(study: Study) -> Design | LeftOut:
    """No augmentation, each kind alone, all of them, and what the recipe has."""
    recipe, dataset = study.recipe, study.prepared.dataset
    if dataset.kind == "table":
        return LeftOut("augmentation", TITLE, "rows of a table are not augmented")
    if recipe.model.is_trained or recipe.model.is_simple:
        return LeftOut("augmentation", TITLE, "the model is trained already, and is not trained here")
    if dataset.kind == "array" and len(dataset.input_shape) != 2:
        return LeftOut("augmentation", TITLE, "there are augmentations of images and of sequences alone")
    kinds = IMAGES if dataset.kind == "images" else SEQUENCES
    cells = [Cell("none", {"augment": []}), *(Cell(name, {"augment": [step]}) for name, step in kinds.items())]
    cells.append(Cell("all together", {"augment": list(kinds.values())}))
    own = [step.model_dump(mode="json", exclude_unset=True) for step in recipe.augment]
    if own and all(own != cell.values["augment"] for cell in cells):
        cells.append(Cell("as in the recipe", {"augment": own}))
    return Design(
        "augmentation",
        TITLE,
        "Which random changes of the training examples help?",
        "the augmentation",
        "network, training and data",
        tuple(cells),
    )
