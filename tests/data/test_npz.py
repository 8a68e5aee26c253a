"""NPZ files that are none, or lack what is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.bad_data import (
    X10,
    Y10,
    Make,
    npz,
    refusal,
    with_nan,
    written,
)

BAD: dict[str, tuple[Make, str]] = {
    "unequal lengths": (
        lambda p: {"source": npz(p, x=np.zeros((10, 2)), y=Y10[:9])},
        "data.source: inputs and targets of {p}/a.npz must be equally many, but got '10 inputs and 9 targets'",
    ),
    "npz without usual names": (
        lambda p: {"source": npz(p, a=X10, y=Y10)},
        "data.inputs: must name an array of {p}/a.npz, which has none called inputs, x, images, data; "
        "its arrays are a, y",
    ),
    "npz without the named array": (
        lambda p: {"source": npz(p, x=X10, targets=Y10), "target": "target"},
        "data.target: must name an array of {p}/a.npz, but got 'target'; nearest valid choice: targets",
    ),
    "npz with NaN": (
        lambda p: {"source": npz(p, x=with_nan(), y=Y10)},
        "data.source: inputs must be finite in float32 in {p}/a.npz, but 2 of 10 rows break this, "
        "the first is row 3, counted from 0 (data.on_bad: skip leaves them out)",
    ),
    "npz with pickled objects": (
        lambda p: {"source": npz(p, x=np.array([{}] * 10), y=Y10)},
        "data.source: array 'x' of {p}/a.npz must be plain numbers or text, never pickled objects",
    ),
    "npz with channels first": (
        lambda p: {"source": npz(p, x=np.zeros((10, 3, 8, 8)), y=Y10)},
        "data.source: images of {p}/a.npz must be (count, height, width, channels), but got (10, 3, 8, 8); "
        "nearest valid choice: move the channels to the end: (10, 8, 8, 3)",
    ),
    "npz with several yes-or-no targets": (
        lambda p: {"source": npz(p, x=X10, y=1 - np.eye(10))},
        "data.source: targets of {p}/a.npz must be one number or text for each example, or one-hot rows, but got "
        "'float64 (10, 10)'; nearest valid choice: one of its 10 columns alone, a model for each",
    ),
    "npz with pictures of classes": (
        lambda p: {"source": npz(p, x=X10, y=np.zeros((10, 4, 4), int))},
        "data.source: targets of {p}/a.npz must be one number or text for each example, or one-hot rows, but got "
        "'int64 (10, 4, 4)'",
    ),
    "npz with flat inputs": (
        lambda p: {"source": npz(p, x=Y10, y=Y10)},
        "data.source: inputs of {p}/a.npz must be numbers of shape (count, height, width[, channels]) "
        "or (count, features), but got 'int64 (10,)'",
    ),
    "npz that is none": (
        lambda p: {"source": written(p, "a.npz", b"text")},
        "data.source: {p}/a.npz must be an .npz file: an archive of arrays",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_one_message(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, message = BAD[name]
    assert refusal(make, tmp_path, monkeypatch) == message.format(p=tmp_path)
