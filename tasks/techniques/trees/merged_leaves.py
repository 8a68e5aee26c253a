"""Merged leaves: subtrees whose leaves differ little become one leaf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field

from tasks.core import Goal, Refusal
from tasks.techniques.base import Batches, Lowers, Technique
from tasks.techniques.trees import ensemble_plans

if TYPE_CHECKING:
    from tasks.kernels.estimators.tree_pruning import Pruned, TreePruning

STEPS = 8
"""How often the interval in which the number of merged splits lies is halved."""


class Leaves(Technique):
    """Merges the leaves of subtrees that answer nearly alike, weakest link first (TreeEnsemble* in ONNX).

    Paper: Breiman et al. 1984 "Classification and Regression Trees" (cost-complexity pruning); here the cost is the
    change of the answers on calibration examples, not the error on targets. Also takes out splits that decide nothing.
    Needs calibration examples. Refuses files without exactly one ensemble, and when nothing can be merged.

    Card: docs/techniques/leaves.md.
    """

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "onnx"
    lowers: ClassVar[tuple[Lowers, ...]] = ("bytes", "latency")
    way_out: ClassVar[str] = "a smaller max_change keeps more leaves"

    step: Literal["leaves"] = "leaves"
    max_change: float | None = Field(default=None, ge=0, le=1)
    """Largest share of the variance of the answers on calibration examples that may get lost. Absent: the
    goal's `max_drop`, or 0.01 where the metric has the target's unit (mae, rmse)."""

    def for_goal(self, goal: Goal) -> Self:
        """With the goal's `max_change`, unless it was set."""
        if self.max_change is not None:
            return self
        return self.model_copy(update={"max_change": ensemble_plans.change_for(goal)})

    def plan(self, model: bytes, batches: Batches) -> dict[str, Any]:
        """The splits that become leaves, and all values; see `ensemble_plans.plan_of`.

        Args:
            model: the bytes of an ONNX file.
            batches: pairs of inputs ({name: array (count, ...)}) and targets, which are not used.

        Raises:
            InputError: there are no examples.
            Refusal: there is nothing to prune.
        """
        pruning = ensemble_plans.start_pruning(self.step, model, batches)
        if not len(pruning.strengths):
            raise Refusal("leaves: every tree is a single leaf already")
        return ensemble_plans.plan_of(self.step, model, batches, self._choose(pruning))

    def apply(self, model: bytes, plan: dict[str, Any]) -> bytes:
        """The file with merged leaves.

        Raises:
            Refusal: the plan was made for another ensemble.
        """
        return ensemble_plans.pruned_file(self.step, model, plan)

    def own_words(self, plan: dict[str, Any]) -> str:
        """How many trees and nodes stay."""
        return ensemble_plans.words_of(plan)

    def _choose(self, pruning: TreePruning) -> Pruned:
        """The form with most links merged whose change is within the limit."""
        limit = ensemble_plans.CHANGE if self.max_change is None else self.max_change
        strengths = pruning.strengths
        low, high, best = 0, len(strengths), None
        for _ in range(STEPS):
            middle = (low + high) // 2
            pruned = pruning.merge_leaves(float(strengths[middle]))
            if pruned.change <= limit:
                low, best = middle, pruned
            else:
                high = middle
        if best is None:
            raise Refusal(
                f"leaves: merging any few of {len(strengths)} splits changes the answers by more than {limit:g}"
            )
        return best
