"""Files of data that break a law, and the message that answers them."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from support import datasets
from tasks.core import InputError, Store
from tasks.data.data_spec import DataSpec

ROWS = [f"{age},{job},{left}" for age, job, left in zip(range(20), "ab" * 10, ["yes", "no"] * 10, strict=True)]


def csv(folder: Path, *lines: str, header: str = "age,job,left", name: str = "a.csv") -> str:
    (folder / name).write_text("\n".join((header, *(lines or ROWS))) + "\n")
    return str(folder / name)


def folder(tmp_path: Path, *broken: str) -> str:
    for label in ("ant", "bee"):
        for number in range(6):
            file = tmp_path / "photos" / label / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 3 + number % 2), (number, 0, 0)).save(file)
    for name in broken:
        (tmp_path / "photos" / name).write_bytes(b"\x89PNG broken")
    return str(tmp_path / "photos")


def parquet(tmp_path: Path, **columns: Any) -> str:
    pd.DataFrame(columns).to_parquet(tmp_path / "a.parquet")
    return str(tmp_path / "a.parquet")


def npz(tmp_path: Path, **arrays: Any) -> str:
    np.savez(tmp_path / "a.npz", **arrays)
    return str(tmp_path / "a.npz")


def written(tmp_path: Path, name: str, data: bytes = b"") -> str:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(data)
    return str(tmp_path / name)


def module(tmp_path: Path, name: str, body: str, function: str = "load") -> str:
    written(tmp_path, f"{name}.py", f"import numpy as np\n{body}\n".encode())
    return f"{name}:{function}"


def empty_folders(tmp_path: Path, *classes: str) -> str:
    for name in ("", *classes):
        (tmp_path / "photos" / name).mkdir()
    return f"{tmp_path}/photos"


def idx(tmp_path: Path, images: bytes, labels: bytes = struct.pack(">2I", 0x801, 2) + b"\0\1") -> str:
    written(tmp_path, "idx/train-images-idx3-ubyte", images)
    written(tmp_path, "idx/train-labels-idx1-ubyte", labels)
    return str(tmp_path / "idx")


TWO_IMAGES = struct.pack(">4I", 0x803, 2, 1, 1) + b"\0\1"
X10 = np.zeros((10, 2))
Y10 = np.arange(10) % 2


def with_nan() -> np.ndarray:
    values = np.zeros((10, 2))
    values[[3, 7], 1] = np.nan, np.inf
    return values


Make = Callable[[Path], dict[str, Any]]
"""From a folder to the settings of `data`; it writes the files that these name."""


def refusal(make: Make, place: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The whole message with which what `make` writes there is refused."""
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = DataSpec(**make(place))
    with pytest.raises(InputError) as caught:
        datasets.ingested(spec, Store(place / "store"))
    return str(caught.value)
