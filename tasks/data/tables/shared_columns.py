"""Shared columns: a frame of numbers and text as plain arrays, which other processes can map instead of copying.

A column of text, an array of Python objects, becomes the number of each row's text, and the different texts as bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

NAMES = "columns"
"""Key of the names of the columns, in order."""


def share_columns(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """The arrays of a frame whose columns are numbers or text.

    Returns:
        `columns`, the names, as `pack_texts` gives them; `values.INDEX`, the numbers of a column, or int32 places in
        its texts; and of a column of text `texts.INDEX`, as `pack_texts` gives them.
    """
    import numpy as np
    import pandas as pd

    found = {NAMES: pack_texts([str(name) for name in frame.columns])}
    for index, name in enumerate(frame.columns):
        values = frame[name].to_numpy()
        if values.dtype == object:
            places, texts = pd.factorize(values)
            values, found[f"texts.{index}"] = places.astype(np.int32), pack_texts(list(texts))
        found[f"values.{index}"] = np.ascontiguousarray(values)
    return found


def shared_frame(arrays: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The frame of `share_columns`; numbers are not copied, and equal texts are one object.

    Args:
        arrays: those of `share_columns`, maybe among others, and maybe read-only.
    """
    import pandas as pd

    columns = {}
    for index, name in enumerate(unpack_texts(arrays[NAMES])):
        values, texts = arrays[f"values.{index}"], arrays.get(f"texts.{index}")
        columns[str(name)] = values if texts is None else unpack_texts(texts)[values]
    return pd.DataFrame(columns, copy=False)


def pack_texts(texts: list[str]) -> np.ndarray:
    """Texts as bytes (uint8): their number, the length of each in bytes (int64 all), and the texts in UTF-8."""
    import numpy as np

    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    head = np.array([len(encoded), *map(len, encoded)], dtype="<i8")
    return np.frombuffer(head.tobytes() + b"".join(encoded), dtype=np.uint8)


def unpack_texts(packed: np.ndarray) -> np.ndarray:
    """The texts of `pack_texts`, an array (count,) of Python objects."""
    import numpy as np

    content = packed.tobytes()
    count = int.from_bytes(content[:8], "little")
    start, found = 8 * (count + 1), np.empty(count, dtype=object)
    for place, length in enumerate(np.frombuffer(content, "<i8", count, 8).tolist()):
        found[place] = content[start : start + length].decode("utf-8", "surrogatepass")
        start += length
    return found
