"""A store, and small pictures prepared in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import datasets

from tasks.core import Prepared, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def prepared(store: Store) -> Prepared:
    return datasets.prepared_squares(store)
