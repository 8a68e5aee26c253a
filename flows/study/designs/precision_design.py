"""Precision: 32, 16, 8 and 4 bits, to latency, size and score."""

from __future__ import annotations

from flows.study.study_context import Study
from tasks.study.design import Cell, Design, UnsuitedTable

TITLE = "Precision"


def design_precision(study: Study) -> Design | UnsuitedTable:
    """The baseline's file in float32, and rewritten with fewer bits."""
    if study.recipe.model.is_simple:
        return UnsuitedTable("precision", TITLE, "a simple model has no weights of layers that fewer bits could hold")
    return Design(
        "precision",
        TITLE,
        "How many bits does the product need?",
        "the bits of weights, and of int8 also those of the numbers between layers",
        "the network and its weights",
        (
            Cell("float32"),
            Cell("float16", steps=({"step": "fp16"},)),
            Cell("int8", steps=({"step": "int8"},)),
            Cell("4 bits of weights", steps=({"step": "weight_only", "bits": 4},)),
        ),
        cost="latency",
    )
