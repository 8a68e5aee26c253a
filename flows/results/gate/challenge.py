"""Challenge: the newly registered version against the champion, on its run's test split; the registry remembers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import get_args

from flows.pipeline.findings import Findings
from flows.results.gate.judging import GateTerms, judge
from tasks.compression.measure import evaluation_data
from tasks.core import Refusal, Workspace, digest_of
from tasks.monitoring.promotion import Promotion, Verdict
from tasks.tracking import registry
from tasks.tracking.registry import REASON
from tasks.tracking.versions import VersionRecord, mark, promote_version, versions_of

COMPARISON = "paredown.comparison"
"""Tag of a version: the number of its last comparison among those of its name."""
COMPARED = "paredown.compared"
"""Tag of a version: digest of what it was compared with, on which rows, by what goal."""
VERDICT, NEEDED = "paredown.verdict", "paredown.rows_needed"
"""Tags of a version: what the gate decided of it, and how many rows would prove it."""


def challenge_champion(
    findings: Findings, version: registry.Version, workspace: Workspace, note: str = ""
) -> Promotion | None:
    """Judges a challenger, promotes it where that is proven, and writes down why. None for any other version.

    The same version against the same champion on the same rows is not judged again: a look costs a share of the error.

    Args:
        findings: of the run that made the version; its test split is what both answer.
        version: as `register` returned it.
        workspace: knows the registry.
        note: what else the registry should know of this comparison, in a sentence.

    Raises:
        InputError: the execution provider is not installed.
    """
    if version.alias != "challenger":
        return None
    uri, name, waits = workspace.tracking_uri, version.name, findings.recipe.promotion == "manual"
    records = versions_of(uri, name)
    own = next(each for each in records if each.version == version.version)
    if findings.recipe.goal.max_drop <= 0:
        why = "goal.max_drop is 0, and no number of rows proves that nothing at all is lost"
        return _conclude(uri, own, Promotion("stay", f"the champion stays: {why}"), note)
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
        try:
            champion, file = registry.champion(uri, name, Path(scratch))
        except Refusal as refusal:
            return _conclude(uri, own, Promotion("stay", f"the champion stays: {refusal}"), note)
        compared = _identity(findings, champion.version)
        if (known := _remembered(own, compared)) is not None:
            return _conclude(uri, own, known, "", waits, compared)
        k = 1 + max(int(each.tags.get(COMPARISON, 0)) for each in records)
        mark(uri, name, own.version, {COMPARISON: str(k)})  # before: a comparison that is cut off is spent, too
        host = next(each.tags.get("paredown.host", "") for each in records if each.version == champion.version)
        decided = _judge(findings, file, k, host, workspace)
    return _conclude(uri, own, decided, note, waits, compared)


def _judge(findings: Findings, champion: Path, k: int, host: str, workspace: Workspace) -> Promotion:
    store, card = workspace.store, findings.test[findings.product.digest]
    terms = GateTerms(
        findings.recipe.goal,
        findings.metric_spec,
        findings.recipe.runtime,
        k,
        is_exact=all(hop.passed for hop in card.parity),
        speedup=card.latency.ratio.value,
        champion_host=host,
    )
    rows = evaluation_data(findings.prepared, "test", store)
    return judge(champion, store.path(findings.product_file), rows, terms)


def _identity(findings: Findings, champion: int) -> str:
    dataset, recipe = findings.prepared.dataset, findings.recipe
    rows = dataset.splits["test"]
    goal = [recipe.goal.model_dump(mode="json"), recipe.runtime.model_dump(mode="json")]
    return digest_of([champion, findings.product_file, rows.inputs, rows.targets, *goal])


def _remembered(own: VersionRecord, compared: str) -> Promotion | None:
    """What was decided when the same was compared before."""
    tags = own.tags
    verdict = next((each for each in get_args(Verdict) if each == tags.get(VERDICT)), None)
    if tags.get(COMPARED) != compared or verdict is None:
        return None
    needed = int(tags[NEEDED]) if tags.get(NEEDED) else None
    return Promotion(verdict, tags.get(REASON, ""), needed)


def _conclude(
    uri: str, own: VersionRecord, decided: Promotion, note: str, waits: bool = False, compared: str = ""
) -> Promotion:
    """Writes down what was decided, and promotes, unless the version `waits` for a person to do that."""
    reason = f"{decided.reason}. {note}" if note else decided.reason
    told = Promotion(decided.verdict, reason, decided.needed)
    tags = {REASON: reason, VERDICT: decided.verdict, NEEDED: "" if decided.needed is None else str(decided.needed)}
    tags[COMPARED] = compared  # last: with it the rest is believed
    mark(uri, own.name, own.version, tags)
    if decided.verdict == "promote" and waits:
        return Promotion("stay", f"{reason}. It waits for `paredown promote`, as promotion: manual asks")
    if decided.verdict == "promote":
        promote_version(uri, own.name, own.version, reason)
    return told
