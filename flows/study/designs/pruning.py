"""Pruning: weights, neurons, filters and blocks, to bytes on disk, latency and score."""

from __future__ import annotations

from typing import Any

from flows.study.study_context import Study
from tasks.study.design import Cell, Design, UnsuitedTable

TITLE = "Pruning"
HALF = 0.5


def design_pruning(study: Study) -> Design | UnsuitedTable:
    """The baseline, and it pruned in several ways, each recovered with the same epochs."""
    recipe = study.recipe
    if recipe.model.is_simple:
        from flows.study.designs.simple_models import design_trees

        return design_trees(study)
    if recipe.model.file is not None:
        return UnsuitedTable("pruning", TITLE, "an ONNX file cannot be trained, so that nothing recovers from pruning")
    if recipe.model.networks is not None:
        return UnsuitedTable("pruning", TITLE, "an ensemble of networks is not pruned as a whole")
    epochs = max(1, recipe.train.epochs // 3)
    recover: dict[str, Any] = {"step": "recover", "epochs": epochs}
    kinds = {**kinds_of_channels(study), "blocks": {"step": "blocks"}, "low rank": {"step": "low_rank"}}
    weights = Cell("weights", steps=({"step": "weights", "sparsity": HALF}, recover, {"step": "pack"}))
    cells = [weights, *(Cell(name, steps=(step, recover)) for name, step in kinds.items())]
    return Design(
        "pruning",
        TITLE,
        "What does each way of pruning save, and what does it cost?",
        "what is pruned: half of the single weights, of the neurons or of the filters, whole blocks, ranks",
        f"the baseline, and {epochs} epochs of recovery with the baseline as teacher",
        (Cell("baseline"), *cells),
        cost="latency",
        note="Pruned weights are packed, which makes the file smaller and no faster.",
    )


def kinds_of_channels(study: Study) -> dict[str, dict[str, Any]]:
    """Pruning of neurons and of filters alone, and of both where the network has both; a quarter of all, too."""
    from torch import nn

    from tasks.models.factory import build_network, complete_factory

    network = build_network(*complete_factory(study.recipe.model, study.prepared))
    linear = [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    convolutions = [name for name, layer in network.named_modules() if isinstance(layer, nn.modules.conv._ConvNd)]
    half, quarter = {"step": "channels", "sparsity": HALF}, {"step": "channels", "sparsity": HALF / 2}
    if len(linear) < 2:  # the last layer keeps its neurons, which are the answer
        return {"filters": half, "a quarter of the filters": quarter}
    if not convolutions:
        return {"neurons": half, "a quarter of the neurons": quarter}
    return {
        "neurons": {**half, "ignore": convolutions},
        "filters": {**half, "ignore": linear},
        "filters and neurons": half,
        "a quarter of filters and neurons": quarter,
    }
