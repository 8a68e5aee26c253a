"""File interfaces: whether a challenger can stand where the champion stands, and the rows be given to both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.data.input_layout import COLUMNS

if TYPE_CHECKING:
    import numpy as np


def interface_conflict(champion: Path, challenger: Path, inputs: Mapping[str, np.ndarray]) -> str:
    """Why whoever calls the champion could not call the challenger, or the rows not be given to the champion.

    Args:
        champion: its ONNX file.
        challenger: its ONNX file.
        inputs: the rows, as the challenger takes them.

    Returns:
        A phrase with the challenger as its subject; empty where the two can be compared.
    """
    from tasks.conversion.answer_rule import read_rule
    from tasks.kernels.onnx import description

    (takes, gives), (new_takes, new_gives) = (description.interface(file) for file in (champion, challenger))
    old, new = ({each.name: each for each in tensors} for tensors in (takes, new_takes))
    for name, tensor in new.items():
        if name not in old:
            return f"takes the input {name!r}, which the champion does not take"
        if tensor.dtype != old[name].dtype or tensor.shape[1:] != old[name].shape[1:]:
            told = description.listed((tensor,)), description.listed((old[name],))
            return f"takes {told[0]} instead of the champion's {told[1]}"
    if missing := [name for name in old if name not in inputs]:
        return f"comes from data without the champion's input {missing[0]!r}"
    if description.metadata(champion).get(COLUMNS) != description.metadata(challenger).get(COLUMNS):
        return "takes other columns, or in another order, than the champion"
    classes, others = read_rule(champion).classes, read_rule(challenger).classes
    if classes != others:
        return f"has the classes {', '.join(others[:10])} instead of the champion's {', '.join(classes[:10])}"
    if [each.name for each in gives] != [each.name for each in new_gives]:
        return f"gives {description.listed(new_gives)} instead of the champion's {description.listed(gives)}"
    return ""
