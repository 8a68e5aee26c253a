"""Devices: `auto` finds a GPU, and one that is not there is named before anything begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.services.devices import VARIABLE, has_driver, settle_device
from tasks.core import InputError


@pytest.mark.parametrize(
    ("asked", "gpus", "expected"),
    [
        ("", 0, "cpu"),
        ("", 2, "cuda"),
        ("auto", 1, "cuda"),
        ("cpu", 2, "cpu"),
        ("cuda", 1, "cuda"),
        ("cuda:1", 2, "cuda:1"),
    ],
)
def test_the_device_that_is_asked_for(tmp_path: Path, asked: str, gpus: int, expected: str) -> None:
    (tmp_path / "nvidia0").touch()
    assert settle_device({VARIABLE: asked}, lambda: gpus, tmp_path) == expected


@pytest.mark.parametrize(
    ("asked", "gpus", "said"),
    [
        ("gpu", 0, "must be auto, cpu, cuda or cuda:N, but got 'gpu'; nearest valid choice: auto"),
        ("cuda", 0, "which has no GPU that torch can use, but got 'cuda'; nearest valid choice: cpu"),
        ("cuda:1", 1, "which has 1 GPU, counted from 0, but got 'cuda:1'; nearest valid choice: cuda:0"),
        ("cuda:7", 2, "which has 2 GPUs, counted from 0, but got 'cuda:7'; nearest valid choice: cuda:1"),
    ],
)
def test_a_device_that_is_not_there(tmp_path: Path, asked: str, gpus: int, said: str) -> None:
    with pytest.raises(InputError) as caught:
        settle_device({VARIABLE: asked}, lambda: gpus, tmp_path)
    assert str(caught.value).startswith("PAREDOWN_DEVICE: must ")
    assert said in str(caught.value)


def test_without_a_driver_torch_is_not_asked(tmp_path: Path) -> None:
    def asked() -> int:
        pytest.fail("torch was asked")

    assert not has_driver(tmp_path)
    assert settle_device({}, asked, tmp_path) == "cpu"
