"""A full disk, a real one: a version is registered and promoted whole or not at all, and again once there is room."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from mlflow.exceptions import MlflowException
from support.registered import NUMBERS, factor_model, register_versions

from tasks import tracking
from tasks.tracking import registry
from tasks.tracking.versions import promote_version, roll_back, versions_of


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """A file that takes the last byte."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(2**12))
    return filler


def aliases(uri: str) -> dict[str, int]:
    return {
        alias: int(number) for alias, number in tracking.open_client(uri).get_registered_model("it").aliases.items()
    }


@pytest.mark.e2e
def test_a_promotion_on_a_full_disk_is_none_and_is_one_when_there_is_room(disk: Path) -> None:
    uri = f"sqlite:///{disk}/mlflow.db"
    register_versions(uri, "it", 2)
    filler = fill(disk)
    with pytest.raises(MlflowException, match="disk is full"):
        promote_version(uri, "it", 2, "better")
    assert aliases(uri) == {"champion": 1, "challenger": 2}
    filler.unlink()
    assert promote_version(uri, "it", 2, "better").aliases == ("champion",)
    filler = fill(disk)
    with pytest.raises(MlflowException, match="disk is full"):
        roll_back(uri, "it", "worse")
    assert aliases(uri) == {"champion": 2, "previous": 1}
    filler.unlink()
    assert roll_back(uri, "it", "worse").version == 1


@pytest.mark.e2e
def test_a_registration_on_a_full_disk_leaves_no_version(disk: Path, tmp_path: Path) -> None:
    uri = f"sqlite:///{disk}/mlflow.db"
    register_versions(uri, "it", 1)
    model = factor_model(tmp_path / "new.onnx", 5.0)
    given = (model, "it", tracking.open_run(uri, "it", "it", "key", {}, {}), {"paredown.candidate": "new"})
    expected = {"prediction": np.asarray(5 * NUMBERS)}
    filler = fill(disk)
    with pytest.raises((MlflowException, OSError), match=r"disk is full|No space"):
        registry.register(uri, *given, {"x": NUMBERS}, expected)
    assert [record.version for record in versions_of(uri, "it")] == [1]
    filler.unlink()
    assert registry.register(uri, *given, {"x": NUMBERS}, expected).version == 2
    assert aliases(uri) == {"champion": 1, "challenger": 2}
