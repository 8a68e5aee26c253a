"""Fewer trees: those of an ensemble that together answer most like all of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tasks.core import Goal, InputError, Refusal
from tasks.techniques.base import Batches, Lowers, Technique
from tasks.techniques.trees import ensemble_plans

if TYPE_CHECKING:
    from tasks.kernels.estimators.tree_pruning import Pruned, TreePruning

GROWTH = 1.2
"""Each number of trees that is tried is about this many times the one before."""
MOST = 0.9
"""Above this share of the trees nothing is gained."""


class Trees(Technique):
    """Keeps the trees of a forest or a boosted ensemble that answer most like all of them (TreeEnsemble* in ONNX).

    Papers: Martínez-Muñoz and Suárez 2006 "Pruning in Ordered Bagging Ensembles"; Ren et al. 2015 "Global Refinement of
    Random Forest". Compares answers, not scores: training rows, on which trees are too good, serve as examples. Needs
    calibration examples; targets are not used. Refuses files without exactly one ensemble, one of a single tree, and
    when more than nine tenths of the trees would be needed.

    Card: docs/techniques/trees.md.
    """

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "onnx"
    lowers: ClassVar[tuple[Lowers, ...]] = ("bytes", "latency")
    way_out: ClassVar[str] = "a smaller max_change keeps more trees"

    step: Literal["trees"] = "trees"
    keep: float | None = Field(default=None, gt=0, lt=1)
    """Share of the trees to keep."""
    count: int | None = Field(default=None, ge=1)
    """Number of trees to keep."""
    max_change: float | None = Field(default=None, ge=0, le=1)
    """Largest share of the variance of the answers on calibration examples that may get lost. Absent: the
    goal's `max_drop`, or 0.01 where the metric has the target's unit (mae, rmse)."""

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        given = [name for name in ("keep", "count", "max_change") if getattr(self, name) is not None]
        if len(given) > 1:
            law = f"must be absent where {given[0]} is given: one of keep, count and max_change decides"
            raise ValueError(InputError(law, path=given[1], value=getattr(self, given[1])))
        return self

    def for_goal(self, goal: Goal) -> Self:
        """With the goal's `max_change`, unless the number of trees or the change was set."""
        if (self.keep, self.count, self.max_change) != (None, None, None):
            return self
        return self.model_copy(update={"max_change": ensemble_plans.change_for(goal)})

    def plan(self, model: bytes, batches: Batches) -> dict[str, Any]:
        """The trees to keep and the values of their leaves; see `ensemble_plans.plan_of`.

        Args:
            model: the bytes of an ONNX file.
            batches: pairs of inputs ({name: array (count, ...)}) and targets, which are not used.

        Raises:
            InputError: there are no examples.
            Refusal: there is nothing to prune, or not enough to gain.
        """
        pruning = ensemble_plans.start_pruning(self.step, model, batches)
        trees = pruning.ensemble.trees
        if trees == 1:
            raise Refusal("trees: the ensemble has only one tree; leaves makes one smaller")
        return ensemble_plans.plan_of(self.step, model, batches, self._choose(pruning))

    def apply(self, model: bytes, plan: dict[str, Any]) -> bytes:
        """The file with fewer trees.

        Raises:
            Refusal: the plan was made for another ensemble.
        """
        return ensemble_plans.pruned_file(self.step, model, plan)

    def settled(self, plan: dict[str, Any]) -> Trees:
        """With the share of the trees that the plan keeps."""
        kept, trees = plan["trees"]
        return self.model_copy(update={"keep": kept / trees, "count": None, "max_change": None})

    def own_words(self, plan: dict[str, Any]) -> str:
        """How many trees and nodes stay."""
        return ensemble_plans.words_of(plan)

    def _choose(self, pruning: TreePruning) -> Pruned:
        trees = pruning.ensemble.trees
        if self.count is not None and self.count >= trees:
            raise Refusal(f"trees: the ensemble has only {trees} trees, and {self.count} were to be kept")
        if asked := self.count or math.ceil((self.keep or 0) * trees):
            return pruning.keep_trees(min(asked, trees - 1))
        limit = ensemble_plans.CHANGE if self.max_change is None else self.max_change
        count, change = 1, math.inf
        while count <= MOST * trees:
            pruned = pruning.keep_trees(count)
            if pruned.change <= limit:
                return pruned
            count, change = max(count + 1, round(GROWTH * count)), pruned.change
        raise Refusal(f"trees: of {trees} trees nine tenths still change the answers by {change:.4f}, above {limit:g}")
