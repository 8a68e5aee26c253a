"""Identity: what a step is asked, as a cache key, and what its answer needs in the store."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from tasks.core.candidate import Candidate, candidate_from
from tasks.core.dataset import Dataset, Prepared
from tasks.core.scorecard import Latency, Scorecard
from tasks.core.spec import Spec
from tasks.core.store import digest_of
from tasks.core.workspace import Workspace

VERSION = "1"
"""Bumped when the meaning of a cached answer changes."""


def identity(value: Any) -> Any:
    """WHAT a value is, as JSON; a technique's version is part of it.

    A workspace says WHERE, and measurements are no identity: both are left out.
    """
    if isinstance(value, Candidate):
        return value.digest
    if isinstance(value, (Workspace, Latency, Scorecard)):
        return None
    if isinstance(value, Spec):
        return [type(value).__name__, getattr(value, "version", None), value.model_dump(mode="json")]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: identity(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): identity(each) for name, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [identity(each) for each in value]
    return value


def cache_key(name: str, parameters: Mapping[str, Any]) -> str:
    """The step's name, the version and the digest of everything it takes except the workspace."""
    return f"{name}-{VERSION}-{digest_of(identity(parameters))}"


def references(answer: Any) -> Iterator[str]:
    """The digests of the store entries that an answer needs; candidates may stand in it as plain fields."""
    if isinstance(answer, Candidate):
        yield answer.content
        for step in answer.lineage:
            yield from filter(None, (step.plan, step.record))
    elif isinstance(answer, Dataset):
        for split in answer.splits.values():
            yield from (split.inputs, split.targets)
    elif isinstance(answer, Prepared):
        yield from (answer.fitted, *answer.inputs.values(), *references(answer.dataset))
    elif isinstance(answer, Mapping):
        is_candidate = {"form", "lineage", "content"} <= answer.keys()
        yield from references(candidate_from(dict(answer)) if is_candidate else list(answer.values()))
    elif isinstance(answer, (tuple, list)):
        for each in answer:
            yield from references(each)
    elif dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        yield from references([getattr(answer, field.name) for field in dataclasses.fields(answer)])
