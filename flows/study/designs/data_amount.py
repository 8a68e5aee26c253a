"""Data: how the score grows with the rows, and what the rows cost that are likely mislabelled."""

from __future__ import annotations

from flows.study.study_context import Study
from tasks.study.design import Cell, Design, UnsuitedTable

TITLE = "Data"
SHARES = {"an eighth of the rows": 1 / 8, "a quarter of the rows": 1 / 4, "half of the rows": 1 / 2}


def design_data(study: Study) -> Design | UnsuitedTable:
    """All train rows, fewer of them, and all but those that are likely mislabelled."""
    model = study.recipe.model
    if model.file is not None or (model.is_trained and not model.is_simple):
        return UnsuitedTable("data", TITLE, "the model is trained already, and learns nothing from the rows here")
    fewer = [Cell(name, train_share=share, recommended=False) for name, share in SHARES.items()]
    clean = Cell("without rows that look mislabelled", without_suspects=True, recommended=False)
    return Design(
        "data",
        TITLE,
        "Would more data help, and do mislabelled rows harm?",
        "the rows of the train part",
        "network, training and the validation rows",
        (Cell("all rows"), *fewer, clean),
        note="A row looks mislabelled where models that were trained on other rows are sure of another answer.",
    )
