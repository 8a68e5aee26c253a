"""Early stopping: what it saves, and the validation loss by epoch."""

from __future__ import annotations

from flows.study.designs.hyperparameters import why_untrained
from flows.study.study_context import Study
from tasks.study.design import Cell, Design, UnsuitedTable

TITLE = "Early stopping"
PATIENCE = 5


def design_early_stopping(study: Study) -> Design | UnsuitedTable:
    """As the recipe says, all epochs, and a patience of half as many epochs; none that could never stop a training."""
    recipe, own = study.recipe, study.recipe.train.early_stopping
    if reason := why_untrained(study):
        return UnsuitedTable("early_stopping", TITLE, reason)
    if recipe.model.networks is not None:
        return UnsuitedTable(
            "early_stopping", TITLE, "an ensemble of networks has several trainings, and no single end"
        )
    longest = own.patience if own else PATIENCE
    ways: dict[str, dict[str, int] | None] = {"all epochs": None}
    ways |= {f"patience {each}": {"patience": each} for each in (longest, max(1, longest // 2))}
    reference = f"patience {own.patience}" if own and own.patience < recipe.train.epochs else "all epochs"
    cells = [Cell(reference)]
    for name, way in ways.items():
        if name != reference and (way is None or way["patience"] < recipe.train.epochs):
            cells.append(Cell(name, {"train.early_stopping": way}))
    return Design(
        "early_stopping",
        TITLE,
        "How much training does early stopping save, and at which price?",
        "when the training ends",
        f"network, data and a schedule of {recipe.train.epochs} epochs; the best epoch is kept in all of them",
        tuple(cells),
        cost="training",
        note="An epoch is the same work in all of them: times are their epochs at one pace.",
        has_one_pace=True,
    )
