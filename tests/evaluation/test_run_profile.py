"""Run profile: of real files, in fresh processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import product_files

from tasks.core import Runtime
from tasks.evaluation import run_profile


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_profile, "SECONDS", 0.02)
    monkeypatch.setattr(run_profile, "PROCESSES", 2)


def files(folder: Path) -> dict[str, Path]:
    for name, data in (("large", product_files.table_file(2000)), ("small", product_files.table_file(16))):
        (folder / f"{name}.onnx").write_bytes(data)
    return {"baseline": folder / "large.onnx", "small": folder / "small.onnx"}


def test_two_files_at_three_batches(tmp_path: Path) -> None:
    found = run_profile.profile_files(files(tmp_path), product_files.rows(20), Runtime(), example_ms=0.1)
    assert [each.batch for each in found.batches] == [1, 8, 32]
    assert all(each.baseline_ms > each.product_ms > 0 for each in found.batches)
    assert all(each.ratio.n == 2 and each.ratio.low <= each.ratio.value <= each.ratio.high for each in found.batches)
    assert [each.name for each in found.starts] == ["baseline", "small"]
    assert all(each.load_ms.value > 0 and each.call_ms.value > 0 and each.memory_mb.n == 2 for each in found.starts)
    assert not found.failure


def test_batches_that_take_long_are_left_out(tmp_path: Path) -> None:
    """The baseline alone, as where it is the product, with 6 ms for an example."""
    alone = {"baseline": files(tmp_path)["baseline"]}
    found = run_profile.profile_files(alone, product_files.rows(20), Runtime(), example_ms=6.0)
    assert [(each.batch, each.ratio.value) for each in found.batches] == [(1, 1.0)]
    assert [each.name for each in found.starts] == ["baseline"]


def test_a_file_that_fails_takes_nothing_with_it(tmp_path: Path) -> None:
    given = files(tmp_path)
    few = {"rooms": product_files.rows(20)["rooms"]}
    found = run_profile.profile_files(given, few, Runtime(), example_ms=0.1)
    assert "timing process ended" in found.failure
    assert (found.batches, found.starts) == ((), ())
