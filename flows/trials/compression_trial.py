"""Compression trial: the objective of a compression search, which runs the branch of a point and ranks its file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from flows.recipe.user_modules import modules_of
from flows.trials.branch_runner import BranchRunner, GivenUp
from flows.trials.branch_scoring import Reference
from flows.trials.network_cost import UNFIT
from tasks.compression.branch import BASELINE, FOUND
from tasks.compression.search_space import branch_space
from tasks.compression.search_space.branch_starts import start_of
from tasks.core import Refusal, Store, digest_of
from tasks.core.cache_key import identity, references
from tasks.evaluation import ranking
from tasks.evaluation.engines import timing_host
from tasks.evaluation.metric_choice import metric_spec
from tasks.search.guide import RUNG
from tasks.search.results import BOUND, CEILING, EXCESS, REFUSED
from tasks.search.space import Point

if TYPE_CHECKING:
    import numpy as np

    from tasks.search.objective import TrialContext


@dataclass(frozen=True)
class CompressionObjective:
    """An `Objective`: point → rank (`ranking.rank`).

    Before its training, a branch is finished and timed: one that cannot beat the best so far, even if training recovers
    all of its loss, is given up. In a space with rungs a trial is one rung: it continues where the rung before it
    ended, its file is measured as any other, and CEILING is its rank if it lost nothing.

    Each epoch of training is reported; the last report, at epoch `longest` + 1, is the rank of the file. A branch
    without training reports only at epoch 0, which no scheduler compares: against it, branches in the middle of their
    training would all look worse.
    """

    role: ClassVar[str] = "search for branches"

    reference: Reference

    def __call__(self, point: Point, trial: TrialContext) -> None:
        """Runs the point's branch and reports its ranks to `trial`.

        The trial's answer holds `stages` ([title, candidate] of each step) and `rank`, or `refusal`, the reason why
        the branch was given up.

        Raises:
            Refusal: a step cannot handle the model, which makes the trial fail; its place is reported (REFUSED).
        """
        reference = self.reference
        compress = reference.recipe.compress
        branch = branch_space.decode(point, FOUND, compress.branches if compress else ())
        start = start_of(point)
        runner = BranchRunner(reference, trial, self.identity)
        try:
            card = runner.run(branch, RUNG in point, start)
        except Refusal:
            begun = len(reference.starts[start]) if start else 0
            place = branch_space.techniques_in(branch.steps[begun : len(runner.stages)])
            trial.answer({REFUSED: place})
            trial.report(self.last_epoch(runner), UNFIT, {BOUND: UNFIT, EXCESS: 1.0, REFUSED: place})
            raise
        except GivenUp as reason:
            # A score of 0 or less teaches the search to leave this region: the branch is at least this far behind.
            bound = reference.rank(runner.ahead)
            trial.answer({"refusal": str(reason)})
            trial.report(0, bound - runner.bar, runner.measured | {BOUND: bound})
            return
        position = ranking.position_of(card, reference.recipe.goal)
        rank, ceiling = (reference.rank(each) for each in (position, replace(position, drop=0.0, group_excess=0.0)))
        stages = [[label, dataclasses.asdict(candidate)] for label, candidate in runner.stages]
        needs = {digest for _, candidate in runner.stages for digest in references(candidate)}
        trial.answer({"stages": stages, "rank": rank}, sorted(needs))
        trial.report(
            self.last_epoch(runner), rank, runner.measured | {"drop": card.drop.estimate.value, CEILING: ceiling}
        )

    def last_epoch(self, runner: BranchRunner) -> int:
        """The epoch of a trial's last report, which is none of training; 0 without training."""
        return self.reference.longest + 1 if runner.epochs else 0

    @property
    def identity(self) -> str:
        """Digest of what ranks depend on: data, augmentation, baseline, goal, runtime, the recipe's branches, host."""
        recipe = self.reference.recipe
        metric = metric_spec(recipe.goal, self.reference.prepared.dataset)
        host = timing_host(recipe.runtime)
        asked = [recipe.augment, recipe.goal, metric, recipe.runtime, recipe.compress and recipe.compress.branches]
        return digest_of(identity([*asked, self.reference.prepared, self.reference.baseline, host]))

    @property
    def modules(self) -> Sequence[str]:
        """The user's modules that the recipe names, such as those of the network and of techniques."""
        return modules_of(self.reference.recipe)

    def arrays(self, store: Store) -> Mapping[str, np.ndarray]:
        """The baseline's outputs on validation (examples, outputs), so that no trial computes them again.

        Raises:
            Refusal: the outputs are not finite.
        """
        from tasks.compression.measure import evaluation_data, product_of
        from tasks.evaluation import evaluate

        product = product_of(self.reference.exported, BASELINE, store)
        inputs = evaluation_data(self.reference.prepared, "validation", store).inputs
        outputs, _ = evaluate.run_product(product, inputs, self.reference.recipe.runtime)
        return {BASELINE: outputs}

    def needs(self) -> Sequence[str]:
        """Digests of the data without the examples of test, of the baseline as a model and as an ONNX file, and of the
        models at which branches begin."""
        prepared, starts = self.reference.prepared, self.reference.starts.values()
        split = prepared.dataset.splits["test"]
        hidden = {split.inputs, split.targets, prepared.inputs["test"]}
        begun = [candidate for stages in starts for _, candidate in stages]
        return sorted({*references([prepared, self.reference.baseline, self.reference.exported, *begun])} - hidden)

    def format_score(self, score: float) -> str:
        """What the best branch so far saves, the recipe's own included, or how far it misses the goal, as text."""
        bar = self.reference.bar
        best = max(score, bar)
        if best <= 0:
            return f"misses the goal by {-score:.1%}"
        goal = self.reference.recipe.goal
        saved = f"{1 / (1 - best):.2f}× {'as fast' if goal.minimize == 'latency' else 'smaller'}"
        return saved if score > bar else f"{saved}, the recipe's own"
