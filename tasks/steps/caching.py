"""Caching: the cache and retry policies of a flow's steps, and the call of a cached step, whose result is verified."""

from __future__ import annotations

import functools
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.transactions import Transaction, get_transaction

from tasks.core import Context, Progress, Refusal, Workspace
from tasks.core.cache_key import cache_key, references

P = ParamSpec("P")
T = TypeVar("T")
CACHED: Mapping[str, Any] = {
    "cache_policy": CacheKeyFnPolicy(cache_key_fn=lambda context, parameters: cache_key(context.task.name, parameters)),
    "persist_result": True,
    "result_serializer": "json",
}
"""Task options of a cached step: when no argument has changed, its stored result is returned, also after a crash."""
OUTWARD: Mapping[str, Any] = {"persist_result": False, "retries": 2, "retry_delay_seconds": 2}
"""Task options of a step that writes to a server: always executed, and repeated at most twice after an error."""
REFUSED = "Refused"
"""Name of the state of a cached step that refused: it is completed, because a refusal is an answer and no failure."""


@dataclass(frozen=True)
class Answered:
    """A step's result, whether it came from the cache, and the seconds that the call took."""

    value: Any
    cached: bool
    seconds: float


def cached_task(verb: Callable[P, T], name: str) -> Task[..., Any]:
    """The verb as the Prefect task of a cached step, which ends in the state REFUSED when the verb refuses.

    A refusal is not stored: the same call again executes the verb again.
    """

    @functools.wraps(verb)
    def answer(*args: P.args, **kwargs: P.kwargs) -> T | State[Any]:
        try:
            return verb(*args, **kwargs)
        except Refusal as refusal:
            transaction = get_transaction()
            assert isinstance(transaction, Transaction)
            transaction.write_on_commit = False
            return Completed(name=REFUSED, message=str(refusal))

    return task(**CACHED, name=name)(answer)


def run_cached(
    step: Task[..., Any], arguments: Mapping[str, Any], workspace: Workspace, progress: Progress
) -> Answered:
    """Calls a cached step. A cached result whose store entries are missing or altered is computed again.

    Args:
        step: the Prefect task, with the options CACHED or from `cached_task`.
        arguments: the step's arguments by name. A `Context` among them gets `progress`, and a checkpoint path that
            belongs to the cache key of this call.
        workspace: its store must hold the entries that a cached result refers to.
        progress: called with every update of the step.

    Raises:
        Refusal: the step refused.
        Exception: any other exception of the step.
    """
    # Computed here as well, because Prefect only logs an error when a key fails, and continues without the cache.
    key = cache_key(step.name, arguments)
    checkpoint = workspace.checkpoints / key
    given = {
        name: replace(each, checkpoint=checkpoint, progress=progress) if isinstance(each, Context) else each
        for name, each in arguments.items()
    }
    started = time.monotonic()
    answer, cached = _call(step, given)
    if cached and not all(map(workspace.store.holds, references(answer))):
        answer, cached = _call(step.with_options(refresh_cache=True), given)
    # Only now is the result stored; after a crash before this line, the step continues from its checkpoint.
    discard(checkpoint)
    return Answered(answer, cached, time.monotonic() - started)


def _call(step: Task[..., Any], given: Mapping[str, Any]) -> tuple[Any, bool]:
    """The step's result, and whether it came from the cache. Raises the step's exception."""
    # By its type the call may also be asynchronous; from a synchronous flow it returns the state itself.
    state: State[Any] = step(**given, return_state=True)
    if state.name == REFUSED:
        raise Refusal(state.message or "")
    return state.result(), state.name == "Cached"


def discard(place: Path) -> None:
    """Removes a file or a folder, if it exists."""
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
