"""One SQLite store for all tests of tracking: to make one takes seconds."""

from __future__ import annotations

import pytest

from tasks import tracking


@pytest.fixture(scope="session")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('home')}/new folder/mlflow.db"


@pytest.fixture
def parent(uri: str, request: pytest.FixtureRequest) -> str:
    """A flow's run in an experiment of the test's name."""
    return tracking.open_run(uri, request.node.name, "flow", "key", {}, {})


@pytest.fixture
def search(uri: str, parent: str) -> str:
    """A search's run under it."""
    content = tracking.RunContent(tags={"paredown.role": "search", tracking.IDENTITY: "digits"})
    return tracking.record_child(uri, parent, "search", "search", content)
