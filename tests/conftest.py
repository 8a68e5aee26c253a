"""The environment of every test: quiet, offline, and nothing of it in the home folder or the repository."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

import pytest

from tasks.core.env_defaults import apply_env_defaults

if TYPE_CHECKING:
    from support.plain_run import PlainRun

    from tasks.kernels.training.learning_curve import Epoch

_folder = tempfile.mkdtemp(prefix="paredown-tests-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
Path(_folder, "ray-token").write_text(token_hex(32))
Path(_folder, "ray-token").chmod(0o600)

for _name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "PREFECT_API_URL", "RAY_ADDRESS"):
    os.environ.pop(_name, None)  # a test never writes to a developer's real servers

# Small tensors on two cores: a second thread costs more than it brings, and tests run beside each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Never those of a developer, nor of the process that started this one to share its tests.
os.environ |= {
    "PAREDOWN_HOME": f"{_folder}/paredown",
    "PREFECT_HOME": f"{_folder}/prefect",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # tests of steps need no flow around them
    "RAY_AUTH_TOKEN_PATH": f"{_folder}/ray-token",
}
apply_env_defaults()


@pytest.fixture(autouse=True)
def seeded() -> None:
    """What a test draws without a seed of its own does not depend on the tests before it in the same process."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One Prefect server with an empty database for all tests that run flows or tasks."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.fixture(scope="session")
def short_timing() -> Iterator[None]:
    """Latency is measured for a moment only: these tests look at everything but its precision."""
    from tasks.compression import library_comparison
    from tasks.evaluation import evaluate

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "SECONDS", 0.1)
        patch.setattr(library_comparison, "SECONDS", 0.05)
        patch.setattr(library_comparison, "PROCESSES", 2)
        yield


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory, short_timing: None) -> PlainRun:
    """The tiny recipe, worked out without Prefect; tests of pipeline, trials and results look at it."""
    from support.plain_run import run_plainly

    return run_plainly(tmp_path_factory.mktemp("plain"))


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of each epoch that is trained, over all trainings of the test."""
    from tasks.training.trainer import Trainer

    epochs: list[int] = []
    train_epoch = Trainer.train_epoch

    def count(self: Trainer) -> Epoch | None:
        epoch = train_epoch(self)
        assert epoch is not None
        epochs.append(epoch.number)
        return epoch

    monkeypatch.setattr(Trainer, "train_epoch", count)
    return epochs
