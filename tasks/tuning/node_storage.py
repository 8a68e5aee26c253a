"""Node storage: copies store entries and the files of trials between the driver's home folder and the other nodes.

A node that sees the driver's home, through a shared file system or because it is the same machine, works in it, and
nothing is copied.
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
    """How a node reaches the driver's home; sent to the workers with every trial."""

    workspace: Workspace
    """The driver's workspace."""
    folder: Path
    """The folder of the search, on the driver's disk."""
    needs: tuple[str, ...]
    """Digests of the store entries that every trial reads."""
    token: str
    """A random text that the driver wrote into the folder: a node that can read it there sees the driver's home."""
    actor: Any
    """Ray's handle of the `StorageActor` on the driver's node; None when there is no other node."""


def open_storage(workspace: Workspace, folder: Path, needs: Iterable[str] = ()) -> RemoteStorage:
    """Opens the storage of a search in `folder`, which is created unless it exists.

    Ray must be connected; the storage works as long as this connection.

    Args:
        workspace: the driver's.
        folder: the folder of the search.
        needs: digests of the store entries that every trial reads.
    """
    import ray

    folder.mkdir(parents=True, exist_ok=True)
    token = token_hex(16)
    write_atomically(folder / TOKEN, token.encode())
    alone = cluster_address() is None and len(ray.nodes()) == 1
    actor = None if alone else _start_actor(workspace.store.root, folder)
    # Absolute paths, because each trial has another working directory.
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
    """Serves and saves files for the other nodes, on the driver's node.

    It writes only below the search's folder and into the store. Its methods raise Refusal when a trial's name or a
    file's path leads out of that folder.
    """

    def __init__(self, store: Path, folder: Path) -> None:
        self.store, self.trials = Store(store), folder / TRIALS
        self._put: dict[str, Any] = {}

    def entry(self, digest: str) -> list[Any]:
        """A list with one Ray reference to an entry's bytes (uint8), which are in Ray's object store only once.

        Raises:
            StoreError: the entry is missing or altered.
        """
        import ray

        if digest not in self._put:
            self._put[digest] = ray.put(read_bytes(self.store.path(digest)))
        return [self._put[digest]]

    def lacks(self, digests: Iterable[str]) -> list[str]:
        """Those of the digests that the driver's store does not hold."""
        return [digest for digest in digests if not self.store.holds(digest)]

    def take(self, digest: str, content: np.ndarray) -> None:
        """Puts an entry into the driver's store. Raises StoreError when the digest of the content is another one."""
        put_verified(self.store, digest, content)

    def files(self, trial: str) -> Files:
        """All files of a trial as of its last `keep`."""
        folder = inside(self.trials, trial)
        return {name: read_bytes(folder / name) for name in names(folder)}

    def keep(self, trial: str, changed: Files, present: Iterable[str]) -> None:
        """Makes the saved files of a trial equal to those on its node.

        Args:
            trial: name of the trial's folder.
            changed: files to write.
            present: paths of all files on the node; saved files that are not among them are removed.
        """
        lay_down(inside(self.trials, trial), changed, present)


class NodeStorage:
    """The store and the folders that a trial uses on the node on which it runs."""

    def __init__(self, storage: RemoteStorage, trial: str) -> None:
        """Copies to this node the store entries that the trial needs, and its own files as of its last `save`.

        Args:
            storage: the storage of the search.
            trial: name of the trial's folder.

        Raises:
            Refusal: this node does not see the driver's home, and the search was started without other nodes.
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
        """Whether this node sees the search's folder on the driver's disk."""
        try:
            return (self._storage.folder / TOKEN).read_text() == self._storage.token
        except OSError:
            return False

    @cached_property
    def workspace(self) -> Workspace:
        """The driver's workspace; on a node that does not see its home, the same with a home of the node's own."""
        here = self._storage.workspace
        return here if self.sees_home else replace(here, home=_own_home())

    def save(self) -> None:
        """Copies the changes in the trial's folder to the driver's disk, so that they survive the loss of this node.

        Changes are recognized by a file's size and modification time.
        """
        if self.sees_home:
            return
        stamps = {name: _stamp(self.folder / name) for name in names(self.folder)}
        changed = {name: read_bytes(self.folder / name) for name in stamps if self._saved.get(name) != stamps[name]}
        if changed or stamps.keys() != self._saved.keys():
            _answer(self._storage.actor.keep.remote(self._trial, changed, list(stamps)))
            self._saved = stamps

    def hand_over(self, digests: Iterable[str]) -> None:
        """Copies store entries of this node to the driver's store; entries that it already holds are not sent."""
        if self.sees_home:
            return
        for digest in _answer(self._storage.actor.lacks.remote(list(digests))):
            _answer(self._storage.actor.take.remote(digest, read_bytes(self.workspace.store.path(digest))))

    def visit(self, trial: str) -> Path:
        """The folder of another trial as of its last `save`, only for reading.

        On a node that does not see the driver's home, it is a copy for this trial alone.
        """
        if self.sees_home:
            return inside(self._storage.folder / TRIALS, trial)
        folder = inside(self.workspace.checkpoints / self._storage.token, f"{self._trial}-{trial}")
        self._visited.append(folder)
        self._bring(trial, folder)
        return folder

    def leave(self) -> None:
        """Removes this node's copies of the trial's folder and of visited folders; unsaved changes are lost.

        Does nothing on a node that sees the driver's home.
        """
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
    """The value of a Ray reference. An exception of the actor is raised unchanged, without Ray's wrapper around it."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None


def _own_home() -> Path:
    """PAREDOWN_HOME of this node, or else `paredown-UID` in the system's folder for temporary files."""
    return Path(os.environ.get("PAREDOWN_HOME") or Path(tempfile.gettempdir(), f"paredown-{os.getuid()}")).resolve()


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns
