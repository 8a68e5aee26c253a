"""A user's function that gives no data."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bad_data import (
    Make,
    module,
    refusal,
)

BAD: dict[str, tuple[Make, str]] = {
    "function returns something else": (
        lambda p: {"source": module(p, "my_data_c", "def load(): return 1")},
        "data.source: my_data_c:load must return (inputs, targets) or a data frame, but got 'int'",
    ),
    "function returns ragged rows": (
        lambda p: {"source": module(p, "my_data_e", "def load(): return [[1], [1, 2]], [0, 1]")},
        "data.source: my_data_e:load must return arrays: setting an array element with a "
        "sequence. The requested "
        "array has an inhomogeneous shape after 1 dimensions. The detected shape was (2,) + "
        "inhomogeneous part.",
    ),
    "function returns a number": (
        lambda p: {"source": module(p, "my_data_f", "def load(): return 1, 2")},
        "data.source: inputs of my_data_f:load must be numbers of shape (count, height, width[, channels]) "
        "or (count, features), but got 'int64 ()'",
    ),
    "function returns a frame and too few targets": (
        lambda p: {
            "source": module(p, "my_data_g", "import pandas as pd\ndef load(): return pd.DataFrame({'a': [1, 2]}), [0]")
        },
        "data.source: inputs and targets of my_data_g:load must be equally many, but got '2 inputs and 1 targets'",
    ),
    "function returns NaN": (
        lambda p: {"source": module(p, "my_data_d", "def load(): return np.array([[np.nan], [1]]), [0, 1]")},
        "data.source: inputs must be finite in float32 in my_data_d:load, but 1 of 2 rows break this, "
        "the first is row 0, counted from 0 (data.on_bad: skip leaves them out)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_one_message(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, message = BAD[name]
    assert refusal(make, tmp_path, monkeypatch) == message.format(p=tmp_path)
