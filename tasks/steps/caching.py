"""Caching: how a step of a flow is cached and repeated, and what a cached answer must still have to be believed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefect import Task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.client.schemas.objects import State

from tasks.core import Context, Progress, Workspace
from tasks.core.cache_key import cache_key, references

CACHED: Mapping[str, Any] = {
    "cache_policy": CacheKeyFnPolicy(cache_key_fn=lambda context, parameters: cache_key(context.task.name, parameters)),
    "persist_result": True,
    "result_serializer": "json",
}
"""Answered from the store when nothing that the step takes has changed, also after a crash."""
OUTWARD: Mapping[str, Any] = {"persist_result": False, "retries": 2, "retry_delay_seconds": 2}
"""Writes to a server: always done, safe to repeat."""


@dataclass(frozen=True)
class Answered:
    """A step's answer, whether it came from the store, and how many seconds it took."""

    value: Any
    cached: bool
    seconds: float


def run_cached(
    step: Task[..., Any], arguments: Mapping[str, Any], workspace: Workspace, progress: Progress
) -> Answered:
    """Calls a cached step; an answer whose store entries are gone or altered is worked out anew.

    Args:
        arguments: the step's, by name. A `Context` among them gets `progress`, and a checkpoint for this question
            alone.

    Raises:
        Whatever the step raises.
    """
    # Made here first: Prefect only logs an error when a key cannot be made, and goes on without the cache.
    key = cache_key(step.name, arguments)
    checkpoint = workspace.checkpoints / key
    given = {
        name: replace(each, checkpoint=checkpoint, progress=progress) if isinstance(each, Context) else each
        for name, each in arguments.items()
    }
    started = time.monotonic()
    # Prefect types a call for both worlds; called from a flow that is not async, it answers at once.
    state: State[Any] = step(**given, return_state=True)
    answer, cached = state.result(), state.name == "Cached"
    if cached and not all(map(workspace.store.holds, references(answer))):
        answer, cached = step.with_options(refresh_cache=True)(**given), False
    # The answer is safe only now; until here a crash would have gone on from this place.
    discard(checkpoint)
    return Answered(answer, cached, time.monotonic() - started)


def discard(place: Path) -> None:
    """Removes a file or a folder, if it is there."""
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
