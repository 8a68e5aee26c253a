"""Column transformer: the recipe's column steps as one scikit-learn transformer, not yet fitted.

It takes a frame of float32 number columns (NaN where missing) and text columns (empty text where missing), in any
order, and gives float32 features.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tasks.core import Column
from tasks.data.tables.column_steps import (
    Clip,
    ColumnStep,
    Impute,
    NormalizeRows,
    OneHot,
    Ordinal,
    Scale,
    TargetEncode,
    TextStep,
    Tfidf,
    step_for,
)
from tasks.data.tables.date_columns import model_inputs

if TYPE_CHECKING:
    import numpy as np
    from sklearn.compose import ColumnTransformer


TextEncoding = Literal["one_hot", "ordinal"]
"""How text becomes numbers: a feature for each category, or the category's code."""


@dataclass(frozen=True)
class ColumnNeeds:
    """What a model needs of its features, where the recipe has no step for a column."""

    scaled: bool = True
    """Whether it takes scaled numbers. Trees do not: a threshold that lies on a value would decide otherwise in 32
    bits. For them, the recipe's `scale` steps are left out, too."""
    imputed: bool = True
    """Whether missing numbers are filled in where the recipe has no `impute`."""
    encoding: TextEncoding = "one_hot"
    """How text becomes numbers where the recipe does not say it."""


def make_transformer(
    columns: Sequence[Column],
    steps: Sequence[ColumnStep],
    needs: ColumnNeeds,
    train: Mapping[str, np.ndarray],
    is_matrix: bool = False,
    kept: frozenset[str] | None = None,
) -> ColumnTransformer:
    """The transformer of a table's columns.

    Args:
        columns: the columns of the table; parts stand in the place of dates.
        steps: the recipe's; the last step that suits a column counts, and one that names it before others.
        needs: what the model needs.
        train: the columns on the train split, by name: they have the categories.
        is_matrix: whether it takes a matrix (n, columns) of numbers in the order of `columns`, not a frame.
        kept: the columns that become features; None for all.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    columns = model_inputs(columns)
    places = {column.name: place for place, column in enumerate(columns)}
    columns = [column for column in columns if kept is None or column.name in kept]
    numbers: dict[str, list[Any]] = {}
    makers: dict[str, list[Any]] = {}
    for column in columns:
        if column.kind == "number":
            chain = number_chain(column.name, steps, needs)
            makers.setdefault(repr(chain), chain)
            numbers.setdefault(repr(chain), []).append(places[column.name] if is_matrix else column.name)
    blocks: list[tuple[Any, ...]]
    blocks = [(f"numbers_{at}", _joined(makers[key]), names) for at, (key, names) in enumerate(numbers.items())]
    if (rows := next((step for step in steps if isinstance(step, NormalizeRows)), None)) and blocks:
        from sklearn.preprocessing import Normalizer

        names = [name for _, _, group in blocks for name in group]
        inner = ColumnTransformer(blocks, sparse_threshold=0)
        blocks = [("numbers", Pipeline([("columns", inner), ("rows", Normalizer(rows.norm))]), names)]
    return ColumnTransformer([*blocks, *_text_blocks(columns, steps, needs, train)], sparse_threshold=0)


def number_chain(name: str, steps: Sequence[ColumnStep], needs: ColumnNeeds) -> list[Any]:
    """The transformers of a number column, in order: impute, clip, scale; empty for one that stays as it is."""
    from sklearn.impute import SimpleImputer

    impute, clip, scale = step_for(name, Impute, steps), step_for(name, Clip, steps), step_for(name, Scale, steps)
    impute = impute or (Impute() if needs.imputed else None)
    scale = (scale or Scale()) if needs.scaled else None
    chain: list[Any] = []
    if impute is not None:
        # A column without any value on the train split is filled with 0.
        fill = SimpleImputer(strategy=impute.strategy, fill_value=impute.value, keep_empty_features=True)
        chain.append(_with_flags(fill) if impute.indicator else fill)
    if clip is not None:
        from tasks.kernels.estimators.transformers import ClipQuantiles

        chain.append(ClipQuantiles(clip.low, clip.high))
    if scale is not None and scale.method != "none":
        chain.append(_scaler(scale.method))
    return chain


def is_unscaled(name: str, steps: Sequence[ColumnStep]) -> bool:
    """Whether the recipe says that a number column is not scaled."""
    scale = step_for(name, Scale, steps)
    return scale is not None and scale.method == "none"


def _with_flags(fill: Any) -> Any:
    """The filled columns, and behind them a column of 0 and 1 for each that says where a value is missing."""
    from sklearn.pipeline import FeatureUnion

    from tasks.kernels.estimators.transformers import MissingFlags

    return FeatureUnion([("filled", fill), ("missing", MissingFlags())])


def _scaler(method: str) -> Any:
    from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

    from tasks.kernels.estimators.transformers import QuantileRanks

    return {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler, "quantile": QuantileRanks}[
        method
    ]()


def _text_blocks(
    columns: Sequence[Column], steps: Sequence[ColumnStep], needs: ColumnNeeds, train: Mapping[str, np.ndarray]
) -> list[tuple[Any, ...]]:
    """(name, transformer, columns) for each way in which text columns become numbers."""
    ways: dict[TextStep, list[str]] = {}
    usual: TextStep = OneHot() if needs.encoding == "one_hot" else Ordinal()
    for column in columns:
        if column.kind == "category":
            ways.setdefault(step_for(column.name, TextStep, steps) or usual, []).append(column.name)
    blocks: list[tuple[Any, ...]] = []
    for at, (step, names) in enumerate(ways.items()):
        if isinstance(step, Tfidf):  # it takes one column of texts
            blocks += [(f"text_{at}_{place}", _encoder(step, [train[name]]), name) for place, name in enumerate(names)]
        else:
            blocks.append((f"text_{at}", _encoder(step, [train[name] for name in names]), names))
    return blocks


def _encoder(step: TextStep, values: Sequence[np.ndarray]) -> Any:
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

    if isinstance(step, Tfidf):
        from tasks.kernels.estimators.exactness import WORDS

        return TfidfVectorizer(max_features=step.max_features, token_pattern=WORDS, dtype=np.float32)
    if isinstance(step, Ordinal):
        return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32)
    if isinstance(step, TargetEncode):
        return TargetEncoder(smooth="auto" if step.smooth is None else step.smooth, random_state=0)
    assert isinstance(step, OneHot)
    known = [frequent_texts(each, step) for each in values]
    return OneHotEncoder(categories=known, handle_unknown="ignore", sparse_output=False, dtype=np.float32)


def frequent_texts(values: np.ndarray, step: OneHot) -> list[str]:
    """The categories of a text column (count,) that get a feature, sorted; a missing text (empty) gets none."""
    counts = Counter(values.tolist())
    counts.pop("", None)
    kept = [text for text, count in counts.most_common(step.max_categories) if count >= step.min_frequency]
    return sorted(kept) or [""]


def _joined(chain: list[Any]) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(*chain) if chain else "passthrough"
