"""The data spec: what it names must be there and mean something for the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.bad_data import (
    Y10,
    Make,
    csv,
    module,
    npz,
    parquet,
    refusal,
    written,
)

BAD: dict[str, tuple[Make, str]] = {
    "missing file": (
        lambda p: {"source": csv(p).replace("a.csv", "aa.csv")},
        "data.source: must be a file or folder that exists, but got '{p}/aa.csv'; nearest valid choice: {p}/a.csv",
    ),
    "missing test file": (
        lambda p: {"source": csv(p), "target": "left", "test": "nowhere/b.csv"},
        "data.test: must be a file or folder that exists, but got 'nowhere/b.csv'",
    ),
    "unknown extension": (
        lambda p: {"source": written(p, "a.cvs")},
        "data.source: must be a folder, an import path, sklearn:NAME, or a file that ends with .csv, "
        ".csv.gz, .tsv, .tsv.gz, .zip, "
        ".data, .test, .parquet, .npz, but got '{p}/a.cvs'; nearest valid choice: .csv",
    ),
    "unknown shipped set": (
        lambda p: {"source": "sklearn:digit"},
        "data.source: must be a data set that scikit-learn ships, but got 'sklearn:digit'; "
        "nearest valid choice: sklearn:digits",
    ),
    "no such module": (
        lambda p: {"source": module(p, "my_data_a", "").replace("data", "dat")},
        "data.source: must name a module that can be imported, from the current folder or installed, "
        "but got 'my_dat_a:load'; nearest valid choice: my_data_a:load",
    ),
    "no such function": (
        lambda p: {"source": module(p, "my_data_b", "def load(): pass", "lod")},
        "data.source: must name a function of the module my_data_b, but got 'lod'; "
        "nearest valid choice: my_data_b:load",
    ),
    "nothing left after skipping": (
        lambda p: {
            "source": parquet(p, image=[b"1", None], label=["a", "b"]),
            "target": "label",
            "on_bad": "skip",
        },
        "data.source: {p}/a.parquet must hold at least one usable example",
    ),
    "test images of another form": (
        lambda p: {"source": "sklearn:digits", "test": npz(p, x=np.zeros((2, 9, 9), np.uint8), y=Y10[:2])},
        "data.test: must hold examples of the same form as data.source, but got 'uint8 (9, 9, 1)'; "
        "nearest valid choice: uint8 (8, 8, 1)",
    ),
    "test data of another kind": (
        lambda p: {"source": "sklearn:digits", "test": "sklearn:wine"},
        "data.test: must be one undivided set of images, but got 'sklearn:wine'",
    ),
    "another kind than said": (
        lambda p: {"source": csv(p), "target": "left", "kind": "images"},
        "data.kind: must be what {p}/a.csv holds, but got 'images'; nearest valid choice: table",
    ),
    "a setting that means nothing here": (
        lambda p: {"source": csv(p), "target": "left", "size": 32},
        "data.size: means nothing for a CSV table, but got 32",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_one_message(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, message = BAD[name]
    assert refusal(make, tmp_path, monkeypatch) == message.format(p=tmp_path)
