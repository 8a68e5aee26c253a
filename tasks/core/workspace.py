"""Workspace and context: where a step works and to whom it reports. Neither takes part in a cache key."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tasks.core.progress import Progress, silent
from tasks.core.store import Store


@dataclass(frozen=True)
class Workspace:
    """The home folder, the tracking server, the device and the MLflow run of one flow."""

    home: Path
    """The folder under which Paredown writes everything."""
    tracking_uri: str
    device: str = "cpu"
    """Torch's device for training: `cpu`, `cuda`, `cuda:1`, …"""
    run: str = ""
    """Id of this flow's MLflow run, to which a running search writes its trials; empty for none."""

    @property
    def store(self) -> Store:
        """The content-addressed store of this home."""
        return _store(self.home / "store")

    @property
    def checkpoints(self) -> Path:
        """The folder where unfinished work keeps its state, to continue after a crash."""
        return self.home / "checkpoints"

    @property
    def teachers(self) -> Path:
        """The folder where the answers of teachers are kept for the trainings that follow."""
        return self.home / "teachers"

    @property
    def reports(self) -> Path:
        """The folder where finished runs leave their product and report, one folder for each recipe."""
        return self.home / "products"


@dataclass(frozen=True)
class Context:
    """Where one step works, where it keeps its state for a restart, and to whom it reports its progress."""

    workspace: Workspace
    checkpoint: Path | None = None
    """A file or folder for this step alone, from which it continues after a crash; None: it begins anew."""
    progress: Progress = silent

    @property
    def store(self) -> Store:
        """The workspace's store."""
        return self.workspace.store


@lru_cache
def _store(root: Path) -> Store:
    # One object for each folder, because it remembers which entries this process has verified.
    return Store(root)
