"""Column selection: which raw columns a simple model needs most, ranked on a part of train that it was not fitted on.

The importance of a column is how much the error grows when its values are mixed among the rows (Breiman 2001).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks.core import Dataset, InputError, Prepared
from tasks.data.tables.date_columns import model_inputs, names_of_parts

if TYPE_CHECKING:
    import numpy as np

    from tasks.models.estimators.fit import Pair

HELD = 0.2
"""Share of train that is held back for the ranking."""
MOST = 4000
"""Most rows that are held back."""
MIXES = 3
"""How often a column is mixed; once in a table of more than WIDE columns."""
WIDE = 100


def select_columns(
    train: Pair, dataset: Dataset, features: float | int, seed: int, fit: Callable[[Pair, Pair], Any]
) -> frozenset[str]:
    """The columns, as models see them, of the raw columns that a model needs most.

    Args:
        train: columns and targets.
        dataset: describes the columns.
        features: how many raw columns are kept: a share below 1, or a count.
        seed: decides the rows that are held back, and how a column is mixed.
        fit: rows to fit on, and rows that stop boosting → the fitted pipeline.

    Raises:
        InputError: more columns are asked for than there are.
    """
    total = len(dataset.columns)
    count = max(1, round(features * total)) if isinstance(features, float) else features
    if count > total:
        raise InputError("must be at most the number of columns", path="features", value=count, nearest=total)
    importance = rank_columns(train, dataset, seed, fit)
    kept = sorted(importance, key=lambda name: -importance[name])[:count]
    return frozenset(name for each in kept for name in _model_names(dataset)[each])


def rank_columns(train: Pair, dataset: Dataset, seed: int, fit: Callable[[Pair, Pair], Any]) -> dict[str, float]:
    """Raw column → by how much the mean error on rows of train that are held back grows when it is mixed.

    The error is the log loss, or of a regression the absolute error. The arguments are those of `select_columns`.
    """
    import numpy as np

    frame, targets = train
    draw = np.random.default_rng(seed)
    held = draw.permutation(len(frame))[: min(round(HELD * len(frame)), MOST)]
    if dataset.classes:  # the first row of each class is fitted on
        held = np.setdiff1d(held, np.unique(targets, return_index=True)[1])
    rest = np.setdiff1d(np.arange(len(frame)), held)
    apart = frame.iloc[held].reset_index(drop=True), targets[held]
    pipeline = fit((frame.iloc[rest], targets[rest]), apart)
    before, mixes = _error(pipeline, *apart, dataset), MIXES if len(dataset.columns) <= WIDE else 1
    found = {}
    for name, parts in _model_names(dataset).items():
        grown = []
        for _ in range(mixes):
            order = draw.permutation(len(held))
            mixed = apart[0].assign(**{part: apart[0][part].to_numpy()[order] for part in parts})
            grown.append(_error(pipeline, mixed, apart[1], dataset) - before)
        found[name] = float(np.mean(grown))
    return found


def _model_names(dataset: Dataset) -> Mapping[str, tuple[str, ...]]:
    """Raw column → its names as models see it: itself, or the parts of a date."""
    dates = names_of_parts(dataset.columns)
    return {
        column.name: tuple(dates[column.name].values()) if column.name in dates else (column.name,)
        for column in dataset.columns
    }


def _error(pipeline: Any, frame: Any, targets: np.ndarray, dataset: Dataset) -> float:
    import numpy as np

    from tasks.models.estimators.fit import predict_rows

    answers = predict_rows(pipeline, frame.to_numpy() if dataset.is_matrix else frame).astype(np.float64)
    if dataset.classes:
        return float(-answers[np.arange(len(targets)), targets].mean())
    return float(np.abs(answers[:, 0] - targets).mean())


def read_columns(pipeline: Any, dataset: Dataset) -> tuple[str, ...]:
    """The raw columns that a fitted pipeline reads, in the order of the data.

    All, unless it begins with a transformer of columns (`column_transformer.make_transformer`).
    """
    transformer = getattr(pipeline, "named_steps", {}).get("columns")
    if transformer is None or not hasattr(transformer, "transformers_"):
        return tuple(column.name for column in dataset.columns)
    names = [column.name for column in model_inputs(dataset.columns)]
    groups = [
        [group] if isinstance(group, str) else list(group)
        for _, block, group in transformer.transformers_
        if not (isinstance(block, str) and block == "drop")
    ]
    read = {name if isinstance(name, str) else names[name] for group in groups for name in group}
    return tuple(name for name, parts in _model_names(dataset).items() if read.intersection(parts))


def without_columns(prepared: Prepared, kept: tuple[str, ...]) -> Prepared:
    """The data with these columns only, so that the others are no inputs of a product.

    A table whose columns are one input keeps it as it is.
    """
    dataset = prepared.dataset
    if dataset.is_matrix or len(kept) == len(dataset.columns):
        return prepared
    columns = tuple(column for column in dataset.columns if column.name in kept)
    ranges = tuple(each for each in dataset.ranges if each.name in kept)
    return replace(prepared, dataset=replace(dataset, columns=columns, ranges=ranges))
