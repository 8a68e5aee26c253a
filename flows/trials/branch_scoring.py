"""Branch scoring: what a branch's file is worth beside the baseline's, on the worker that made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.recipe.schema import Recipe
from tasks.compression.branch import BASELINE
from tasks.core import Candidate, Latency, Prepared, Scorecard, Store
from tasks.evaluation import ranking

if TYPE_CHECKING:
    import numpy as np

    from tasks.evaluation.evaluate import Product


@dataclass(frozen=True)
class Reference:
    """What the branches of a search are held against."""

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

    def rank(self, position: ranking.GoalPosition) -> float:
        """The rank under the recipe's goal; higher is better."""
        return ranking.rank(position, self.recipe.goal, self.score)


@dataclass(frozen=True)
class BranchEvaluator:
    """Measures files against the baseline's; nobody measures a latency on this node while one runs."""

    reference: Reference
    answers: np.ndarray
    """The baseline's outputs on validation."""
    store: Store

    def time(self, product: Candidate) -> Latency:
        """A file's latency against the baseline's; its outputs are not looked at."""
        from tasks.compression.measure import examples_of
        from tasks.evaluation import evaluate
        from tasks.kernels.host import measurement_lock

        reference = self.reference
        inputs = examples_of(reference.prepared, "validation", self.store).inputs
        files, baseline, runtime = self._products(product), reference.exported.digest, reference.recipe.runtime
        with measurement_lock.shared_use():
            return evaluate.measure_latency(files, baseline, inputs, runtime)[product.digest]

    def score(self, product: Candidate, latency: Latency | None) -> Scorecard:
        """A file's scorecard on validation; timed unless its latency is known."""
        from tasks.compression.measure import examples_of
        from tasks.evaluation import evaluate
        from tasks.kernels.host import measurement_lock

        reference, recipe = self.reference, self.reference.recipe
        files, baseline = self._products(product), reference.exported.digest
        timing = dict.fromkeys(files, latency) if latency else None
        examples = examples_of(reference.prepared, "validation", self.store)
        spec = evaluate.EvaluationSpec(recipe.goal, recipe.runtime, "validation")
        known = {baseline: self.answers}
        with measurement_lock.shared_use():
            cards = evaluate.evaluate(files, baseline, examples, spec, timing=timing, known=known)
        return cards[product.digest]

    def size(self, product: Candidate) -> int:
        """Bytes of a file."""
        return self.store.path(product.content).stat().st_size

    def _products(self, product: Candidate) -> dict[str, Product]:
        from tasks.compression.measure import product_of

        named = ((self.reference.exported, BASELINE), (product, product.name))
        return {each.digest: product_of(each, name, self.store) for each, name in named}
