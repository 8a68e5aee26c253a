"""Early stopping: what it saves, and the validation loss by epoch."""

from __future__ import annotations

from flows.study.study_context import Study
from tasks.study.design import Cell, Design, LeftOut

TITLE = "Early stopping"
PATIENCE = 5


def design_early_stopping(study: Study) -> Design | LeftOut:
    """All epochs, and training that stops when validation no longer improves, with a short and a longer patience."""
    recipe = study.recipe
    if recipe.model.is_simple or recipe.model.is_trained or recipe.model.networks is not None:
        return LeftOut("early_stopping", TITLE, "no single network is trained in epochs here")
    own = recipe.train.early_stopping.patience if recipe.train.early_stopping else PATIENCE
    patiences = sorted({max(1, own // 2), own})
    cells = [Cell("all epochs", {"train.early_stopping": None})]
    cells += [Cell(f"patience {each}", {"train.early_stopping": {"patience": each}}) for each in patiences]
    return Design(
        "early_stopping",
        TITLE,
        "How much training does early stopping save, and at which price?",
        "when the training ends",
        f"network, data and a schedule of {recipe.train.epochs} epochs; the best epoch is kept in all of them",
        tuple(cells),
        cost="training",
    )
