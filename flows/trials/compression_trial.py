"""Paring: a point of a compression search is a branch, which is walked on a worker and ranked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from flows.recipe.schema import Recipe
from flows.recipe.user_modules import modules_of
from flows.trials.branch_runner import BranchRunner, GivenUp
from tasks.compression import branch_space
from tasks.compression.branch import BASELINE, FOUND
from tasks.core import Candidate, Prepared, Store, digest_of
from tasks.core.cache_key import identity, references
from tasks.evaluation import ranking
from tasks.kernels.host.machine import host_name
from tasks.search.results import BOUND
from tasks.search.space import Point

if TYPE_CHECKING:
    import numpy as np

    from tasks.tuning import TrialContext


@dataclass(frozen=True)
class CompressionObjective:
    """A `Work`: point → rank (`ranking.rank`).

    Before it trains, a branch is finished and timed as it is: one that cannot beat `bar`, however well it recovers,
    is given up. Each epoch of training is reported; the last report, at `longest` + 1, is that of the file. What trains
    nothing reports at epoch 0, where no scheduler looks: in the middle of their training all others are behind it.
    """

    role: ClassVar[str] = "search for branches"

    recipe: Recipe
    """With the branches that are templates."""
    prepared: Prepared
    baseline: Candidate
    exported: Candidate
    """The baseline as an ONNX file."""
    score: float
    """Of the baseline on validation."""
    bar: float
    """The best rank so far: what is not faster or smaller than that is of no use."""
    longest: int
    """The most epochs of training that a branch of the search may have."""

    def __call__(self, point: Point, desk: TrialContext) -> None:
        """Walks the point's branch."""
        branch = branch_space.decode(point, FOUND, self.recipe.compress.branches if self.recipe.compress else ())
        walk = BranchRunner(self, desk)
        try:
            card = walk.go(branch)
        except GivenUp as reason:
            # By this much at least it stays behind the best that is known: the search learns to leave its region.
            bound = self.rank(walk.ahead)
            desk.answer({"refusal": str(reason)})
            desk.report(0, bound - self.bar, walk.measured | {BOUND: bound})
            return
        standing = ranking.position_of(card, self.recipe.goal)
        stages = [[label, dataclasses.asdict(candidate)] for label, candidate in walk.stages]
        needs = {digest for _, candidate in walk.stages for digest in references(candidate)}
        desk.answer({"stages": stages, "rank": self.rank(standing)}, sorted(needs))
        desk.report(
            self.longest + 1 if walk.epochs else 0,
            self.rank(standing),
            walk.measured | {"drop": card.drop.estimate.value},
        )

    def rank(self, standing: ranking.GoalPosition) -> float:
        """The rank under the recipe's goal."""
        return ranking.rank(standing, self.recipe.goal, self.score)

    @property
    def identity(self) -> str:
        """The data, the baseline, the goal and the branches that are templates."""
        recipe = self.recipe
        asked = [recipe.augment, recipe.goal, recipe.runtime, recipe.compress and recipe.compress.branches]
        return digest_of(identity([*asked, self.prepared, self.baseline, host_name()]))

    @property
    def modules(self) -> Sequence[str]:
        """Those of the network and of the user's own techniques."""
        return modules_of(self.recipe)

    def arrays(self, store: Store) -> Mapping[str, np.ndarray]:
        """The baseline's answers on validation, so that no trial runs it again; the examples are in the store."""
        from tasks.data import preprocessing
        from tasks.evaluation import evaluate

        product = evaluate.Product(self.exported.digest, BASELINE, store.path(self.exported.content), ())
        inputs = preprocessing.product_inputs(self.prepared.dataset, "validation", store)
        return {BASELINE: evaluate.run_product(product, inputs, self.recipe.runtime)}

    def needs(self) -> Sequence[str]:
        """The data but for the test split, and the baseline in both its forms."""
        dataset = self.prepared.dataset
        split = dataset.splits["test"]
        hidden = {split.inputs, split.targets, self.prepared.inputs["test"]}
        return sorted({*references([self.prepared, self.baseline, self.exported])} - hidden)

    def words(self, score: float) -> str:
        """What the best branch so far saves, one of the recipe's own included, or that the goal is missed."""
        best = max(score, self.bar)
        if best <= 0:
            return f"misses the goal by {-score:.1%}"
        saved = f"{1 / (1 - best):.2f}× {'as fast' if self.recipe.goal.minimize == 'latency' else 'smaller'}"
        return saved if score > self.bar else f"{saved}, the recipe's own"
