"""The environment of every test: quiet, offline, and nothing of it in the home folder or the repository."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pytest
from support import short_timing as timing
from support.exporter_registry import keep_registry

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

# As often as by default, the search for garbage among all that torch holds takes a quarter of the tests' collection.
gc.set_threshold(20_000, 20, 20)


def pytest_collection_finish() -> None:
    if "torch" in sys.modules:
        keep_registry()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """`--dist loadfile` with the costliest files first."""
    if config.getvalue("dist") != "loadfile":
        return None
    from support.distribution import CostlyFirst

    return CostlyFirst(config, log)


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


@pytest.fixture
def short_timing() -> Iterator[None]:
    """Latency is measured for a moment in this test."""
    with timing.short_timing():
        yield


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> PlainRun:
    """The tiny recipe, worked out without Prefect; tests of pipeline, trials and results look at it."""
    from support.plain_run import run_plainly

    with timing.short_timing():
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
