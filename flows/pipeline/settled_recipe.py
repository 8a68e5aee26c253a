"""Settled recipe: the recipe that makes a run's product again, without any search or choice."""

from __future__ import annotations

from typing import Any

import yaml

from flows.pipeline.compression_search import freeze_choices
from flows.pipeline.findings import Findings
from flows.recipe.default_branches import branches_of
from tasks.compression.branch import Compress
from tasks.conversion.engine_trials import record_in
from tasks.core import Store
from tasks.training.transfer.option_choice import CHOICE


def settle_recipe(findings: Findings, store: Store) -> str:
    """The product's recipe as YAML: the searched values and the choices of its branch are in it, no other branch is.

    Where the product is the baseline, there is no section `compress`. Plans are not in it: they belong to the weights.

    Args:
        findings: what the run found.
        store: holds the plans of the branches.
    """
    content = findings.recipe.model_dump(mode="json", exclude_unset=True)
    content.pop("compress", None)
    content.pop("search", None)
    if compress := _own_branch(findings, store):
        content["compress"] = compress
    if engine := _own_engine(findings):
        content["runtime"] = {**content.get("runtime", {}), **engine}
    if mode := _way_of_transfer(findings):
        content["model"]["transfer"] = mode
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _own_branch(findings: Findings, store: Store) -> dict[str, Any] | None:
    """The section `compress` with the branch of the product alone; None where it is the baseline."""
    made = (each for each in findings.results if each.product and each.product.digest == findings.origin)
    name = next((each.branch_name for each in made if each.role == "candidate"), None)
    branch = next((each for each in branches_of(findings.recipe).branches if each.name == name), None)
    if not findings.meets_goal or branch is None:
        return None
    alone = Compress(branches=(freeze_choices(branch, findings.results, store),))
    return alone.model_dump(mode="json", exclude_unset=True)


def _own_engine(findings: Findings) -> dict[str, Any]:
    """Engine and precision of the product where the second engine runs it; otherwise, and without one, nothing."""
    record = record_in(findings.product)
    if record is None:
        return {"engine": ["onnxruntime"]} if findings.trials else {}
    return {"engine": [record.engine], "precision": [record.precision]}


def _way_of_transfer(findings: Findings) -> str | None:
    """The way that `model.transfer: auto` took; None where nothing had to be chosen."""
    lineage = findings.results[0].stages[0].model.lineage
    step = next((each for each in lineage if each.technique == CHOICE), None)
    return str(step.knobs["mode"]) if step else None
