"""Reasons: which columns of a row moved its answer, found by giving one column at a time its usual value.

It asks the product alone, so it suits every kind of model. Effects of columns that act together do not add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import Runtime
from tasks.evaluation.evaluate import run_file

if TYPE_CHECKING:
    import numpy as np

ROWS = 100_000
"""About as many rows are run at once: each is there once for every column."""


@dataclass(frozen=True)
class RowReasons:
    """For each row, the columns that moved its answer most."""

    columns: np.ndarray
    """Names, the largest effect first, (count, most); empty text where no further column moved the answer."""
    effects: np.ndarray
    """How far the column's value, in place of the usual one, moved the answer, (count, most): the probability of the
    class that is answered, or the number. 0 where there is no column."""

    def sentence(self, row: int) -> str:
        """The columns of a row with their effects: `age +0.31, job -0.12`."""
        pairs = zip(self.columns[row], self.effects[row], strict=True)
        return ", ".join(f"{name} {effect:+.3g}" for name, effect in pairs if name)


def find_reasons(
    model: Path,
    inputs: Mapping[str, np.ndarray],
    usual: Mapping[str, Any],
    answers: np.ndarray | None,
    runtime: Runtime,
    most: int,
) -> RowReasons:
    """The columns that moved the answers most, as the product itself answers.

    Args:
        model: the product.
        inputs: the rows: each column by its name, (count, 1), or one input with all of them side by side.
        usual: column → its usual value, in the order of the one input where there is one.
        answers: index of each row's class, (count,); None for numbers.
        runtime: how the product runs.
        most: most columns that are named for a row.
    """
    import numpy as np

    names = list(usual)
    count = len(next(iter(inputs.values())))
    step = max(1, ROWS // (len(names) + 1))
    parts = [slice(at, at + step) for at in range(0, count, step)]
    effects = np.concatenate([_effects(model, inputs, usual, answers, runtime, part) for part in parts])
    order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :most]
    largest = np.take_along_axis(effects, order, axis=1)
    return RowReasons(np.where(largest == 0, "", np.array(names, dtype=object)[order]), largest)


def _effects(
    model: Path,
    inputs: Mapping[str, np.ndarray],
    usual: Mapping[str, Any],
    answers: np.ndarray | None,
    runtime: Runtime,
    part: slice,
) -> np.ndarray:
    """The effect of each column in some rows, (rows, columns)."""
    import numpy as np

    from tasks.kernels.statistics.class_metrics import log_softmax

    rows = {name: array[part] for name, array in inputs.items()}
    copies = [rows, *(_with_usual(rows, place, name, usual[name]) for place, name in enumerate(usual))]
    stacked = {name: np.concatenate([copy[name] for copy in copies]) for name in rows}
    outputs, _ = run_file(model, stacked, runtime)
    values = outputs if answers is None else np.exp(log_softmax(outputs))
    values = values.reshape(len(copies), -1, values.shape[1])
    index = np.zeros(values.shape[1], np.int64) if answers is None else answers[part]
    said: np.ndarray = np.take_along_axis(values, index[None, :, None], axis=2)[:, :, 0].astype(np.float64)
    moved: np.ndarray = (said[:1] - said[1:]).T
    return moved


def _with_usual(rows: Mapping[str, np.ndarray], place: int, column: str, value: Any) -> dict[str, np.ndarray]:
    """The rows, with the usual value in one column."""
    import numpy as np

    if column in rows:
        known = rows[column]
        return {**rows, column: np.full(known.shape, value, known.dtype)}
    [(name, matrix)] = rows.items()
    changed = matrix.copy()
    changed[:, place] = value
    return {name: changed}
