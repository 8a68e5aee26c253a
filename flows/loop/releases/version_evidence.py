"""Version evidence: what the registry holds of a version: its test scorecard in words, and its unaltered file."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tasks.core import InputError, Refusal
from tasks.tracking.version_files import file_of
from tasks.tracking.versions import VersionRecord

SHOWN = {
    "made by": "paredown.name",
    "score": "paredown.score",
    "drop": "paredown.drop",
    "speed": "paredown.speedup",
    "latency": "paredown.latency",
    "size": "paredown.size",
    "measured on": "paredown.host",
}
"""What is shown of a version → the tag that has it (`metric_names.scorecard_tags`)."""


def evidence_rows(*records: VersionRecord) -> list[tuple[str, ...]]:
    """The test scorecards of versions side by side: what it is, then each version's value, `-` where it has none."""
    found = [(title, *(each.tags.get(tag, "-") for each in records)) for title, tag in SHOWN.items()]
    return [*found, ("registered", *(each.created for each in records))]


def evidence_text(champion: VersionRecord, before: VersionRecord | None) -> str:
    """The test scorecards of the champion and of the one before it as a Markdown table."""
    records = (champion, before) if before else (champion,)
    heads = ["test scorecard", *(f"version {each.version}" for each in records)]
    lines = [heads, ["---"] * len(heads), *evidence_rows(*records)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def check_registered_file(uri: str, record: VersionRecord) -> None:
    """Checks that a version's file is the one that was registered.

    Raises:
        InputError: it was altered, or is gone.
    """
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
        try:
            file_of(uri, record.name, record.version, Path(scratch))
        except Refusal as refusal:
            law = f"must be a version whose file is as it was registered, but {refusal}"
            raise InputError(law, path="VERSION", value=record.version) from None
