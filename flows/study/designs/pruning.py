"""Pruning: weights, neurons, filters and blocks, to bytes on disk, latency and score."""

from __future__ import annotations

from typing import Any

from flows.study.study_context import Study
from tasks.study.design import Cell, Design, LeftOut

TITLE = "Pruning"
HALF = 0.5


def design_pruning(study: Study) -> Design | LeftOut:
    """The baseline, and it pruned in several ways, each recovered with the same epochs."""
    recipe = study.recipe
    if recipe.model.is_simple:
        from flows.study.designs.simple_models import design_trees

        return design_trees(study)
    if recipe.model.file is not None:
        return LeftOut("pruning", TITLE, "an ONNX file cannot be trained, so that nothing recovers from pruning")
    epochs = max(1, recipe.train.epochs // 3)
    recover: dict[str, Any] = {"step": "recover", "epochs": epochs}
    kinds: dict[str, dict[str, Any]] = {
        "weights": {"step": "weights", "sparsity": HALF},
        "filters and neurons": {"step": "channels", "sparsity": HALF},
        "a quarter of filters and neurons": {"step": "channels", "sparsity": HALF / 2},
        "blocks": {"step": "blocks"},
        "low rank": {"step": "low_rank"},
    }
    cells = [Cell(name, steps=(step, recover)) for name, step in kinds.items()]
    return Design(
        "pruning",
        TITLE,
        "What does each way of pruning save, and what does it cost?",
        "what is pruned: single weights, filters and neurons, whole blocks, ranks",
        f"the baseline, and {epochs} epochs of recovery with the baseline as teacher",
        (Cell("baseline"), *cells),
        cost="latency",
    )
