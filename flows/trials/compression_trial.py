"""Compression trials: a point of a compression search is a branch, which a worker runs and ranks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from flows.recipe.user_modules import modules_of
from flows.trials.branch_runner import BranchRunner, GivenUp
from flows.trials.branch_scoring import Reference
from tasks.compression import branch_space
from tasks.compression.branch import BASELINE, FOUND
from tasks.core import Store, digest_of
from tasks.core.cache_key import identity, references
from tasks.evaluation import ranking
from tasks.kernels.host.machine import host_name
from tasks.search.results import BOUND
from tasks.search.space import Point

if TYPE_CHECKING:
    import numpy as np

    from tasks.search.objective import TrialContext


@dataclass(frozen=True)
class CompressionObjective:
    """An `Objective`: point → rank (`ranking.rank`).

    Before it trains, a branch is finished and timed as it is: one that cannot beat the reference's `bar`, however well
    it recovers, is given up. Each epoch of training is reported; the last report, at `longest` + 1, is that of the
    file. What trains nothing reports at epoch 0, where no scheduler looks: in the middle of their training all others
    are behind it.
    """

    role: ClassVar[str] = "search for branches"

    reference: Reference

    def __call__(self, point: Point, trial: TrialContext) -> None:
        """Runs the point's branch."""
        reference = self.reference
        compress = reference.recipe.compress
        branch = branch_space.decode(point, FOUND, compress.branches if compress else ())
        runner = BranchRunner(reference, trial)
        try:
            card = runner.run(branch)
        except GivenUp as reason:
            # By this much at least it stays behind the best that is known: the search learns to leave its region.
            bound = reference.rank(runner.ahead)
            trial.answer({"refusal": str(reason)})
            trial.report(0, bound - reference.bar, runner.measured | {BOUND: bound})
            return
        rank = reference.rank(ranking.position_of(card, reference.recipe.goal))
        stages = [[label, dataclasses.asdict(candidate)] for label, candidate in runner.stages]
        needs = {digest for _, candidate in runner.stages for digest in references(candidate)}
        trial.answer({"stages": stages, "rank": rank}, sorted(needs))
        epoch = reference.longest + 1 if runner.epochs else 0
        trial.report(epoch, rank, runner.measured | {"drop": card.drop.estimate.value})

    @property
    def identity(self) -> str:
        """The data, the baseline, the goal and the branches that are templates."""
        recipe = self.reference.recipe
        asked = [recipe.augment, recipe.goal, recipe.runtime, recipe.compress and recipe.compress.branches]
        return digest_of(identity([*asked, self.reference.prepared, self.reference.baseline, host_name()]))

    @property
    def modules(self) -> Sequence[str]:
        """Those of the network and of the user's own techniques."""
        return modules_of(self.reference.recipe)

    def arrays(self, store: Store) -> Mapping[str, np.ndarray]:
        """The baseline's answers on validation, so that no trial runs it again; the examples are in the store."""
        from tasks.compression.measure import examples_of, product_of
        from tasks.evaluation import evaluate

        product = product_of(self.reference.exported, BASELINE, store)
        inputs = examples_of(self.reference.prepared, "validation", store).inputs
        return {BASELINE: evaluate.run_product(product, inputs, self.reference.recipe.runtime)}

    def needs(self) -> Sequence[str]:
        """The data but for the test split, and the baseline in both its forms."""
        prepared = self.reference.prepared
        split = prepared.dataset.splits["test"]
        hidden = {split.inputs, split.targets, prepared.inputs["test"]}
        return sorted({*references([prepared, self.reference.baseline, self.reference.exported])} - hidden)

    def format_score(self, score: float) -> str:
        """What the best branch so far saves, one of the recipe's own included, or that the goal is missed."""
        bar = self.reference.bar
        best = max(score, bar)
        if best <= 0:
            return f"misses the goal by {-score:.1%}"
        goal = self.reference.recipe.goal
        saved = f"{1 / (1 - best):.2f}× {'as fast' if goal.minimize == 'latency' else 'smaller'}"
        return saved if score > bar else f"{saved}, the recipe's own"
