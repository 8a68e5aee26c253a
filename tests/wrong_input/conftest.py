"""The folder in which recipes are wrong."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.register_assert_rewrite("support.wrong_input")

from support.wrong_input import MODULES, table  # noqa: E402 - its asserts are rewritten first


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with data, modules, and a home that holds a product and a store entry."""
    environment = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PAREDOWN_HOME", str(tmp_path / "home"))
    table(*(f"{row},{row % 7},{'yes' if row % 3 else 'no'}" for row in range(60)))()
    np.savez("pictures.npz", x=np.arange(40 * 64 * 3).reshape(40, 8, 8, 3) % 256, y=np.arange(40) % 4)
    for name, body in MODULES.items():
        Path(f"{name}.py").write_text(textwrap.dedent(body))
    for file in ("home/products/good/model.onnx", "home/store/ab/abcd"):
        Path(file).parent.mkdir(parents=True)
        Path(file).write_text("as it was")
    yield tmp_path
    os.environ.clear()
    os.environ.update(environment)
    for name in MODULES:
        sys.modules.pop(name, None)
