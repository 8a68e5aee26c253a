"""Workspace: WHERE things are. It never takes part in a cache key; everything else that a task takes is WHAT."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tasks.core.store import Store


@dataclass(frozen=True)
class Workspace:
    """The home folder, the tracking server, the device and the tracked run of one flow."""

    home: Path
    """Everything Paredown writes lies under it."""
    tracking_uri: str
    device: str = "cpu"
    """torch's device for training: `cpu`, `cuda`, `cuda:1`, …"""
    run: str = ""
    """MLflow's run of this flow, under which a search is written while it runs; empty: it is not."""

    @property
    def store(self) -> Store:
        """The content-addressed store of this home."""
        return _store(self.home / "store")

    @property
    def checkpoints(self) -> Path:
        """Where work that is under way keeps what a crash must not take."""
        return self.home / "checkpoints"

    @property
    def reports(self) -> Path:
        """Where finished runs leave their product and report, one folder a recipe."""
        return self.home / "products"


@lru_cache
def _store(root: Path) -> Store:
    # One object a folder: it remembers which entries this process has verified.
    return Store(root)
