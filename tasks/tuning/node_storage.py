"""The storage: store entries and the files of trials, brought to nodes that do not see the driver's home, and back.

A node that sees it, by a shared file system or because it is the same machine, works in it, and nothing is brought.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from tasks.core import Refusal, Store, Workspace, write_atomically
from tasks.tuning.cluster import cluster_address
from tasks.tuning.file_transfer import Files, inside, lay_down, names, put_verified, read_bytes

if TYPE_CHECKING:
    import numpy as np

TOKEN = "token"
TRIALS = "trials"


@dataclass(frozen=True)
class RemoteStorage:
    """What a node needs to know of the driver's home; it travels with every trial."""

    workspace: Workspace
    """The driver's."""
    folder: Path
    """The search's, on the driver's disk."""
    needs: tuple[str, ...]
    """Store entries that a trial reads."""
    token: str
    """What the driver wrote into the folder: who reads it there sees the driver's home."""
    actor: Any
    """The actor on the driver's node; None when there is no other node."""


def open_storage(workspace: Workspace, folder: Path, needs: Iterable[str] = ()) -> RemoteStorage:
    """The storage of a search that begins, or goes on, in `folder`; it lasts as long as the connection to Ray, which
    must be there."""
    import ray

    folder.mkdir(parents=True, exist_ok=True)
    token = token_hex(16)
    write_atomically(folder / TOKEN, token.encode())
    alone = cluster_address() is None and len(ray.nodes()) == 1
    actor = None if alone else _start_actor(workspace.store.root, folder)
    # Trials work in folders of their own, where a relative path would be another one.
    return RemoteStorage(
        replace(workspace, home=workspace.home.resolve()), folder.resolve(), tuple(needs), token, actor
    )


def _start_actor(store: Path, folder: Path) -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=3)(StorageActor)
    return actor.options(scheduling_strategy=here).remote(store.resolve(), folder.resolve())


class StorageActor:
    """Keeps what comes from other nodes, on the driver's node: only under the search's folder, and in the store."""

    def __init__(self, store: Path, folder: Path) -> None:
        self.store, self.trials = Store(store), folder / TRIALS
        self._put: dict[str, Any] = {}

    def entry(self, digest: str) -> list[Any]:
        """[reference] to an entry's bytes, which lie in the object store once, however many nodes ask."""
        import ray

        if digest not in self._put:
            self._put[digest] = ray.put(read_bytes(self.store.path(digest)))
        return [self._put[digest]]

    def lacks(self, digests: Iterable[str]) -> list[str]:
        """Those that the driver's store does not hold."""
        return [digest for digest in digests if not self.store.holds(digest)]

    def take(self, digest: str, content: np.ndarray) -> None:
        """Puts an entry into the driver's store. Raises StoreError when the content has another digest."""
        put_verified(self.store, digest, content)

    def files(self, trial: str) -> Files:
        """What is kept of a trial."""
        folder = inside(self.trials, trial)
        return {name: read_bytes(folder / name) for name in names(folder)}

    def keep(self, trial: str, changed: Files, present: Iterable[str]) -> None:
        """Makes what is kept of a trial the same as on its node: `changed` is written, what is not `present` goes."""
        lay_down(inside(self.trials, trial), changed, present)


class NodeStorage:
    """The node on which a trial runs, as the trial sees it."""

    def __init__(self, storage: RemoteStorage, trial: str) -> None:
        """Brings here what the trial needs: the store's entries, and its own files as of its last `save`.

        Args:
            trial: the name of the trial's folder.

        Raises:
            Refusal: this node does not see the driver's home, and the search began on one machine alone.
            StoreError: an entry is missing or altered.
        """
        self._storage, self._trial = storage, trial
        self._visited: list[Path] = []
        self._saved: dict[str, tuple[int, int]] = {}
        self.folder = inside(
            storage.folder / TRIALS if self.sees_home else self.workspace.checkpoints / storage.token, trial
        )
        if not self.sees_home:
            self._fetch()
        self.folder.mkdir(parents=True, exist_ok=True)

    @cached_property
    def sees_home(self) -> bool:
        """Whether the driver's folder is here too."""
        try:
            return (self._storage.folder / TOKEN).read_text() == self._storage.token
        except OSError:
            return False

    @cached_property
    def workspace(self) -> Workspace:
        """The driver's, or the same with a home of this node's own."""
        here = self._storage.workspace
        return here if self.sees_home else replace(here, home=_own_home())

    def save(self) -> None:
        """Brings what has changed in the trial's folder to the driver's disk; from there it survives this node."""
        if self.sees_home:
            return
        stamps = {name: _stamp(self.folder / name) for name in names(self.folder)}
        changed = {name: read_bytes(self.folder / name) for name in stamps if self._saved.get(name) != stamps[name]}
        if changed or stamps.keys() != self._saved.keys():
            _answer(self._storage.actor.keep.remote(self._trial, changed, list(stamps)))
            self._saved = stamps

    def hand_over(self, digests: Iterable[str]) -> None:
        """Brings store entries of this node to the driver's store; those that it holds cost a question."""
        if self.sees_home:
            return
        for digest in _answer(self._storage.actor.lacks.remote(list(digests))):
            _answer(self._storage.actor.take.remote(digest, read_bytes(self.workspace.store.path(digest))))

    def visit(self, trial: str) -> Path:
        """The folder of another trial as of its last `save`, to be read; on a node of its own a copy for this trial."""
        if self.sees_home:
            return inside(self._storage.folder / TRIALS, trial)
        folder = inside(self.workspace.checkpoints / self._storage.token, f"{self._trial}-{trial}")
        self._visited.append(folder)
        self._bring(trial, folder)
        return folder

    def leave(self) -> None:
        """Removes this node's copies of the trial's folder and of those that it visited; what was not saved is lost."""
        if not self.sees_home:
            for folder in (self.folder, *self._visited):
                shutil.rmtree(folder, ignore_errors=True)

    def _fetch(self) -> None:
        if self._storage.actor is None:
            raise Refusal(f"this node does not see {self._storage.folder}: set RAY_ADDRESS before the search begins")
        store = self.workspace.store
        for digest in self._storage.needs:
            if not store.holds(digest):
                [entry] = _answer(self._storage.actor.entry.remote(digest))
                put_verified(store, digest, _answer(entry))
        self._saved = {name: _stamp(self.folder / name) for name in self._bring(self._trial, self.folder)}

    def _bring(self, trial: str, folder: Path) -> Files:
        kept: Files = _answer(self._storage.actor.files.remote(trial))
        lay_down(folder, kept, kept)
        return kept


def _answer(reference: Any) -> Any:
    """What is behind a reference; what the actor raised is raised as it was, without Ray's account of where."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None


def _own_home() -> Path:
    """PAREDOWN_HOME of this node, or a folder of this user's among the temporary ones."""
    return Path(os.environ.get("PAREDOWN_HOME") or Path(tempfile.gettempdir(), f"paredown-{os.getuid()}")).resolve()


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns
