"""Cache keys: the key of a step's result, from all of its inputs; and the store entries that a result needs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from tasks.core.candidate import Candidate, candidate_from
from tasks.core.dataset import Dataset, NetworkFeatures, OutOfFold, Prepared
from tasks.core.scorecard import Latency, Scorecard
from tasks.core.spec import Spec
from tasks.core.store import Store, digest_of
from tasks.core.workspace import Context, Workspace

VERSION = "6"
"""Part of every key; increased when cached results change their meaning."""


def identity(value: Any) -> Any:
    """A value's identity as JSON: its content, and for a spec its class and version.

    Where a step runs (Workspace, Context, Store) and measurements (Latency, Scorecard) are left out: they give None.
    """
    if isinstance(value, Candidate):
        return value.digest
    if isinstance(value, (Workspace, Context, Store, Latency, Scorecard)):
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
    """The cache key of a step's call: its name, VERSION, and the digest of its parameters' identity."""
    return f"{name}-{VERSION}-{digest_of(identity(parameters))}"


def references(answer: Any) -> Iterator[str]:
    """Digests of the store entries that a result refers to; a candidate in it may also be a mapping of its fields."""
    if isinstance(answer, Candidate):
        yield answer.content
        for step in answer.lineage:
            yield from filter(None, (step.plan, step.record))
    elif isinstance(answer, Dataset):
        for split in answer.splits.values():
            yield from (split.inputs, split.targets, *filter(None, (split.groups, split.keys)))
        yield from filter(None, (answer.profile,))
    elif isinstance(answer, NetworkFeatures):
        yield from (answer.train, answer.validation, answer.body)
    elif isinstance(answer, OutOfFold):
        yield from (answer.answers, answer.targets, answer.rows)
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
