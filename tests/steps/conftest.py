"""A workspace, bright quarters prepared in its store, the smallest network, and which epochs were trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import datasets, runs

from tasks.core import Prepared, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return runs.workspace(tmp_path)


@pytest.fixture
def prepared(workspace: Workspace) -> Prepared:
    return datasets.prepared_squares(workspace.store)
