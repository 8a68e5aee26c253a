"""Branch scoring: measures a branch's file against the baseline's, on the worker that made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flows.recipe.schema import Recipe
from tasks.compression.branch import BASELINE
from tasks.core import Candidate, Latency, Prepared, Scorecard, Store
from tasks.evaluation import ranking
from tasks.evaluation.metric_choice import metric_spec

if TYPE_CHECKING:
    import numpy as np

    from tasks.evaluation.evaluate import Product


@dataclass(frozen=True)
class Reference:
    """What the branches of a search are compared with."""

    recipe: Recipe
    """The recipe; its branches are those that points are decoded with (`branch_space.decode`)."""
    prepared: Prepared
    baseline: Candidate
    exported: Candidate
    """The baseline as an ONNX file."""
    score: float
    """The baseline's validation score, in the metric's own unit."""
    bar: float
    """The best rank of the recipe's own branches, at least 0; a branch is useful only above it."""
    longest: int
    """Most epochs of training of a branch in the search space."""
    starts: Mapping[str, tuple[tuple[str, Candidate], ...]] = field(default_factory=dict)
    """Name of a branch of the recipe at which others may begin → (title, candidate) of each of its steps up to there
    (`branch_starts.start_steps`)."""
    margin: float = 0.0
    """What the goal's proof adds to the drop of a file on these data, about: epochs are ranked with it."""

    def rank(self, position: ranking.GoalPosition) -> float:
        """The rank of a position under the recipe's goal (`ranking.rank`); higher is better."""
        return ranking.rank(position, self.recipe.goal, self.score)


@dataclass(frozen=True)
class BranchEvaluator:
    """Measures files against the baseline's.

    While it works, it holds the measurement lock shared: no other process measures a latency on this node meanwhile.
    """

    reference: Reference
    answers: np.ndarray
    """The baseline's outputs on the validation split (examples, outputs)."""
    store: Store

    def time(self, product: Candidate) -> Latency:
        """A file's latency, measured side by side with the baseline's; its outputs are not checked."""
        from tasks.compression.measure import evaluation_data
        from tasks.evaluation import latencies
        from tasks.kernels.host import measurement_lock

        reference = self.reference
        inputs = evaluation_data(reference.prepared, "validation", self.store).inputs
        files = {digest: each.path for digest, each in self._products(product).items()}
        baseline, runtime = reference.exported.digest, reference.recipe.runtime
        with measurement_lock.shared_use():
            return latencies.measure_latency(files, baseline, inputs, runtime)[product.digest]

    def score(self, product: Candidate, latency: Latency | None) -> Scorecard:
        """A file's validation scorecard; its latency is measured unless it is given.

        Raises:
            Refusal: the file's outputs are not finite.
        """
        from tasks.compression.measure import evaluation_data
        from tasks.evaluation import evaluate
        from tasks.kernels.host import measurement_lock

        reference, recipe = self.reference, self.reference.recipe
        files, baseline = self._products(product), reference.exported.digest
        timing = dict.fromkeys(files, latency) if latency else None
        examples = evaluation_data(reference.prepared, "validation", self.store)
        if recipe.goal.limits.group_drop is None:  # groups would decide nothing here, and their bootstrap takes seconds
            examples = replace(examples, groups=())
        metric = metric_spec(recipe.goal, reference.prepared.dataset)
        spec = evaluate.EvaluationSpec(recipe.goal, recipe.runtime, "validation", metric)
        known = {baseline: self.answers}
        with measurement_lock.shared_use():
            cards = evaluate.evaluate(files, baseline, examples, spec, timing=timing, known=known)
        return cards[product.digest]

    def size(self, product: Candidate) -> int:
        """Size of a file in bytes."""
        return self.store.path(product.content).stat().st_size

    def _products(self, product: Candidate) -> dict[str, Product]:
        from tasks.compression.measure import product_of

        named = ((self.reference.exported, BASELINE), (product, product.name))
        return {each.digest: product_of(each, name, self.store) for each, name in named}
