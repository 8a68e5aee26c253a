"""Library peers: the product of a simple model beside the same model in Python, once in a run."""

from __future__ import annotations

from collections.abc import Sequence

from flows.pipeline.findings import BranchResult
from flows.pipeline.run_context import RunContext
from tasks.compression.library_comparison import compare_with_library, is_fit
from tasks.core import Candidate, LibraryComparison


def compare_product(product: Candidate, results: Sequence[BranchResult], run: RunContext) -> LibraryComparison | None:
    """Times the product and the simple model that it began as; None for one that did not, or that runs on a GPU.

    Args:
        product: the product of one of the branches.
        results: the results of all branches.
        run: what the branches have in common.
    """
    fitted = fitted_form(product, results)
    if fitted is None or run.recipe.runtime.provider != "cpu":
        return None
    context = run.job.context
    return run.job.runner.run(
        "compare with Python", compare_with_library, fitted, product, run.prepared, run.host, context
    )


def fitted_form(product: Candidate, results: Sequence[BranchResult]) -> Candidate | None:
    """The simple model as it was fitted, of the branch that ends with the product; None where there is none."""
    for result in results:
        if result.product is not None and result.product.digest == product.digest:
            fits = [stage.exported for stage in result.stages if is_fit(stage.exported)]
            return fits[-1] if fits else None
    return None
