"""Ensemble plans: what both techniques on trees do before they choose, and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.core import Goal, Refusal
from tasks.techniques.base import Batches
from tasks.techniques.quantization import variant_comparison

if TYPE_CHECKING:
    from tasks.kernels.estimators.tree_pruning import Pruned, TreePruning

CHANGE = 0.01
"""The default of `max_change` where the goal says nothing."""
LARGEST_CHANGE = 0.2
"""The goal's margin counts up to this much."""
_SHARES = ("accuracy", "balanced_accuracy", "f1", "log_loss", "roc_auc", "average_precision", "calibration_error", "r2")
_TOLERANCE = 1e-4


def change_for(goal: Goal) -> float:
    """The change of the answers that suits a goal: its margin, unless the metric has the target's unit.

    On a table of two classes accuracy and ROC AUC fell by a tenth to a quarter of the change.
    """
    return min(goal.max_drop, LARGEST_CHANGE) if goal.metric in _SHARES else CHANGE


def start_pruning(tag: str, model: bytes, batches: Batches) -> TreePruning:
    """The smaller forms of the file's ensemble. Raises Refusal, with the technique's tag, where there are none."""
    from tasks.kernels.estimators import tree_files
    from tasks.kernels.estimators.tree_pruning import TreePruning

    try:
        name = tree_files.name_of(model)
    except ValueError as error:
        raise Refusal(f"{tag}: {error}") from error
    try:
        pruning = TreePruning(model, inputs_of(batches))
    except ValueError as error:
        raise Refusal(f"{tag}: {name} stays: {error}") from error
    return pruning


def inputs_of(batches: Batches) -> dict[str, Any]:
    """All examples of the batches: (count, ...) by the input's name. Raises InputError when there are none."""
    import numpy as np

    batches = variant_comparison.nonempty_batches(batches)
    return {name: np.concatenate([inputs[name] for inputs, _ in batches]) for name in batches[0][0]}


def plan_of(tag: str, model: bytes, batches: Batches, pruned: Pruned) -> dict[str, Any]:
    """The plan of a choice: `{"trees": [kept, of], "nodes": [kept, of], "bytes": [before, after], "change", "kept":
    [tree], "merged": [node], "values", "base"}`.

    Raises:
        Refusal: the file would not get smaller, or the runtime does not answer as was computed.
    """
    import numpy as np

    from tasks.kernels.estimators import tree_evaluation, tree_files, tree_pruning

    after = pruned.ensemble
    before = tree_files.ensemble_of(model)
    plan = {
        "trees": [after.trees, before.trees],
        "nodes": [after.nodes, before.nodes],
        "change": pruned.change,
        "kept": pruned.trees.tolist(),
        "merged": pruned.merged.tolist(),
        "values": tree_pruning.numbers_of(after.value[after.given]),
        "base": tree_pruning.numbers_of(after.base),
    }
    data, name = pruned_file(tag, model, plan), tree_files.name_of(model)
    if len(data) >= len(model):
        raise Refusal(f"{tag}: {name} would not get smaller: {len(model):,} bytes would become {len(data):,}")
    inputs = inputs_of(batches)
    leaves = tree_evaluation.leaves_reached(after, tree_files.rows_read(data, inputs))
    wanted, given = tree_evaluation.answers(after, leaves), tree_files.scores_given(data, inputs)
    if not np.allclose(wanted, given.reshape(wanted.shape), rtol=_TOLERANCE, atol=_TOLERANCE * wanted.std()):
        raise Refusal(f"{tag}: {name} stays: the runtime answers unlike what was computed from its trees")
    return plan | {"bytes": [len(model), len(data)]}


def pruned_file(tag: str, model: bytes, plan: dict[str, Any]) -> bytes:
    """The file as the plan says. Raises Refusal when the plan was made for another ensemble."""
    import numpy as np

    from tasks.kernels.estimators import tree_files, tree_pruning
    from tasks.kernels.estimators.tree_simplification import simplify

    try:
        before = tree_files.ensemble_of(model)
    except ValueError as error:
        raise Refusal(f"{tag}: {error}") from error
    found = [before.trees, before.nodes]
    if found != [plan["trees"][1], plan["nodes"][1]]:
        raise Refusal(f"{tag}: the plan was made for another ensemble: this one has {found[0]} trees, {found[1]} nodes")
    shorter = tree_pruning.rebuild(simplify(before), np.array(plan["kept"]), plan["merged"])
    return tree_files.with_ensemble(model, tree_pruning.with_numbers(shorter, plan["values"], plan["base"]))


def words_of(plan: dict[str, Any]) -> str:
    """How many trees and nodes stay."""
    trees, nodes = plan["trees"], plan["nodes"]
    return f"{trees[0]:,} of {trees[1]:,} trees, {nodes[0]:,} of {nodes[1]:,} nodes kept"
