"""Gauging: what a branch's file is worth beside the baseline's, on the worker that made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.compression.branch import BASELINE
from tasks.core import Candidate, Latency, Prepared, Scorecard, SplitName, Store

if TYPE_CHECKING:
    import numpy as np

    from flows.recipe.schema import Recipe
    from tasks.evaluation.evaluate import Product


@dataclass(frozen=True)
class BranchEvaluator:
    """The baseline and what files are held against it."""

    recipe: Recipe
    prepared: Prepared
    baseline: Candidate
    """As an ONNX file."""
    answers: np.ndarray
    """The baseline's outputs on validation."""
    store: Store

    def time(self, product: Candidate) -> Latency:
        """A file's latency against the baseline's; its outputs are not looked at."""
        from tasks.evaluation import evaluate
        from tasks.kernels.host import measurement_lock

        files, runtime = self._products(product), self.recipe.runtime
        with measurement_lock.shared_use():
            return evaluate.measure_latency(files, self.baseline.digest, self._inputs(), runtime)[product.digest]

    def judge(self, product: Candidate, latency: Latency | None) -> Scorecard:
        """A file's scorecard on validation; timed unless its latency is known."""
        from tasks.evaluation import evaluate
        from tasks.kernels.host import measurement_lock

        recipe, baseline = self.recipe, self.baseline.digest
        files, targets = self._products(product), self.prepared.dataset.splits["validation"].targets
        timing = dict.fromkeys(files, latency) if latency else None
        split: SplitName = "validation"
        asked = (self._inputs(), self.store.get_array(targets), recipe.goal, recipe.runtime, split)
        known = {baseline: self.answers}
        with measurement_lock.shared_use():
            return evaluate.evaluate(files, baseline, *asked, timing=timing, known=known)[product.digest]

    def size(self, product: Candidate) -> int:
        """Bytes of a file."""
        return self.store.path(product.content).stat().st_size

    def _inputs(self) -> dict[str, np.ndarray]:
        from tasks.data import preprocessing

        return preprocessing.product_inputs(self.prepared.dataset, "validation", self.store)

    def _products(self, product: Candidate) -> dict[str, Product]:
        from tasks.evaluation.evaluate import Product

        named = ((self.baseline, BASELINE), (product, product.name))
        return {each.digest: Product(each.digest, name, self.store.path(each.content), ()) for each, name in named}
