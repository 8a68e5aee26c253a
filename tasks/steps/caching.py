"""Caching: the cache and retry policies of a flow's steps, and the call of a cached step, whose result is verified."""

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
"""Task options of a cached step: when no argument has changed, its stored result is returned, also after a crash."""
OUTWARD: Mapping[str, Any] = {"persist_result": False, "retries": 2, "retry_delay_seconds": 2}
"""Task options of a step that writes to a server: always executed, and repeated at most twice after an error."""


@dataclass(frozen=True)
class Answered:
    """A step's result, whether it came from the cache, and the seconds that the call took."""

    value: Any
    cached: bool
    seconds: float


def run_cached(
    step: Task[..., Any], arguments: Mapping[str, Any], workspace: Workspace, progress: Progress
) -> Answered:
    """Calls a cached step. A cached result whose store entries are missing or altered is computed again.

    Args:
        step: the Prefect task, with the options CACHED.
        arguments: the step's arguments by name. A `Context` among them gets `progress`, and a checkpoint path that
            belongs to the cache key of this call.
        workspace: its store must hold the entries that a cached result refers to.
        progress: called with every update of the step.

    Raises:
        Exception: any exception of the step.
    """
    # Computed here as well, because Prefect only logs an error when a key fails, and continues without the cache.
    key = cache_key(step.name, arguments)
    checkpoint = workspace.checkpoints / key
    given = {
        name: replace(each, checkpoint=checkpoint, progress=progress) if isinstance(each, Context) else each
        for name, each in arguments.items()
    }
    started = time.monotonic()
    # By its type the call may also be asynchronous; from a synchronous flow it returns the state itself.
    state: State[Any] = step(**given, return_state=True)
    answer, cached = state.result(), state.name == "Cached"
    if cached and not all(map(workspace.store.holds, references(answer))):
        answer, cached = step.with_options(refresh_cache=True)(**given), False
    # Only now is the result stored; after a crash before this line, the step continues from its checkpoint.
    discard(checkpoint)
    return Answered(answer, cached, time.monotonic() - started)


def discard(place: Path) -> None:
    """Removes a file or a folder, if it exists."""
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
