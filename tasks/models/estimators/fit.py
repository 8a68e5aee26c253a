"""Fit: columns to features to a model, as one fitted scikit-learn Pipeline; the same seed gives the same model."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import InputError
from tasks.core.errors import in_one_line, nearest_choice
from tasks.models.estimators.construction import build_estimator
from tasks.models.estimators.families import PATIENCE, Family, ModelSetting
from tasks.models.estimators.lessons import Lessons, lesson_rows

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

Array = NDArray[Any]
Pair = tuple["pd.DataFrame", Array]
"""A frame, and the targets of its rows."""


def fit_estimator(
    train: Pair,
    validation: Pair | None,
    family: Family,
    setting: ModelSetting,
    make_transformer: Callable[[], Any],
    classes: int = 0,
    lessons: Lessons | None = None,
) -> Pipeline:
    """Fits the steps `columns`, `float32` and `model`.

    Args:
        train: float32 and text columns with missing numbers as NaN and missing text as "", and the targets: class
            numbers, or float64 values.
        validation: what early stopping looks at, of a family that has it and a setting without `rounds`; None: the
            family's usual number of rounds.
        family: the model's family.
        setting: what is asked of the model.
        make_transformer: gives an unfitted ColumnTransformer of the frame's columns.
        classes: of a classification, the number of classes.
        lessons: what the model is fitted on in place of the targets of `train`, to which the columns are still fitted.

    Raises:
        InputError: as `build_estimator`; the family takes no weights of rows, as lessons of classes need; a class has
            no row in `train`; a monotone column is no number column; or the library refuses the arguments.
    """
    from sklearn.pipeline import Pipeline
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    from tasks.kernels.estimators.float32_features import Float32Features

    (frame, targets), transformer, rounding = train, make_transformer(), Float32Features()
    _check_classes(targets, classes)
    stops = validation is not None and family.rounds is not None and setting.rounds is None
    model = build_estimator(family, setting, len(frame), stops)
    # A sum over more threads of the linear algebra has other last digits.
    with threadpool_limits({"blas": 1, "openmp": setting.threads}):
        features = rounding.fit_transform(transformer.fit_transform(frame, targets))
        if setting.monotone and family.monotone is not None:
            model.set_params(**{family.monotone: monotone_features(transformer, frame, setting)})
        held = None
        if validation is not None and stops:
            held = rounding.transform(transformer.transform(validation[0])), validation[1]
        weights = _weights(targets, targets, setting)
        held_weights = None if held is None else _weights(targets, held[1], setting)
        if lessons is not None:
            features = rounding.transform(transformer.transform(lessons.frame))
            features, targets, weights = lesson_rows(features, lessons.answers, family, classes)
        named = {} if weights is None else {"sample_weight": weights}
        if held is not None:
            named |= _stopping_data(held, held_weights, family)
        fit_model(model, (features, targets), named, family, setting)
    return Pipeline([("columns", transformer), ("float32", rounding), ("model", model)])


def predict_rows(pipeline: Pipeline, frame: Any) -> NDArray[np.float32]:
    """The answers as the house measures them: (rows, classes), logarithms of probabilities, or (rows, 1)."""
    from tasks.kernels.onnx.sessions import LEAST

    if hasattr(pipeline, "predict_proba"):
        probabilities = np.asarray(pipeline.predict_proba(frame), np.float32)
        return np.asarray(np.log(np.maximum(probabilities, LEAST)))
    return np.asarray(pipeline.predict(frame), np.float32).reshape(-1, 1)


def rounds_of(pipeline: Pipeline) -> int | None:
    """How many rounds of boosting the model of a fitted pipeline has; None of one that is not boosted."""
    model = pipeline[-1]
    model = getattr(model, "regressor_", model)  # behind a map of the target
    if hasattr(model, "booster_"):
        return int(model.best_iteration_ or model.booster_.current_iteration())  # 0 or None: nothing stopped it
    if hasattr(model, "get_booster"):
        best = getattr(model, "best_iteration", None) if model.early_stopping_rounds else None
        return int(model.get_booster().num_boosted_rounds() if best is None else best + 1)
    return int(model.n_iter_) if hasattr(model, "n_trees_per_iteration_") else None


def monotone_features(transformer: Any, frame: pd.DataFrame, setting: ModelSetting) -> tuple[int, ...]:
    """1, -1 or 0 for each feature of a fitted ColumnTransformer, which gives a number column's values as its first.

    Raises:
        InputError: a column of the setting is no number column of the frame, or its direction is not 1 or -1.
    """
    numbers = [name for name in frame.columns if frame[name].dtype.kind == "f"]
    blocks = [(transformer.output_indices_[name], columns) for name, _, columns in transformer.transformers_]
    found = [0] * max(place.stop for place, _ in blocks)
    for column, direction in setting.monotone.items():
        path = f"model.monotone.{column}"
        if column not in numbers:
            raise InputError("must be a number column", path=path, nearest=nearest_choice(column, numbers))
        if direction not in (1, -1):
            raise InputError("must be 1 (may only rise) or -1 (may only fall)", path=path, value=direction)
        for place, columns in blocks:
            if column in list(columns) and place.stop > place.start:
                found[place.start + list(columns).index(column)] = direction
    return tuple(found)


def _check_classes(targets: Array, classes: int) -> None:
    absent = sorted(set(range(classes)) - set(np.unique(targets).tolist()))
    if absent:
        law = f"every class needs a row in the training data, but class number {absent[0]} has none"
        raise InputError(law, path="data.target")


def fit_model(model: Any, train: Any, named: dict[str, Any], family: Family, setting: ModelSetting) -> None:
    """Fits the model in place, on (features, targets) and the named arguments of its library.

    Raises:
        InputError: the library refuses an argument; names it where its message does.
    """
    try:
        model.fit(*train, **named)
    except _refusals(family) as error:
        text = re.sub(r" at /\S+, line \d+ \.$", "", in_one_line(error))
        name = next((name for name in setting.arguments if name in text), None)
        path = f"model.arguments.{name}" if name else "model"
        raise InputError(f"{family.label} refuses: {text}", path=path) from error


def _refusals(family: Family) -> tuple[type[Exception], ...]:
    """The errors with which a library refuses arguments or data; XGBoost's are ValueErrors."""
    if family.name != "lightgbm":
        return ValueError, TypeError
    from lightgbm.basic import LightGBMError

    return ValueError, TypeError, LightGBMError


def _stopping_data(held: Any, weights: Array | None, family: Family) -> dict[str, Any]:
    """The arguments with which a library's `fit` takes the validation data."""
    if family.name == "hist_boosting":
        return {"X_val": held[0], "y_val": held[1], "sample_weight_val": weights}
    if family.name == "xgboost":
        return {"eval_set": [held], "sample_weight_eval_set": None if weights is None else [weights], "verbose": False}
    from lightgbm import early_stopping

    stop = early_stopping(PATIENCE, verbose=False)
    return {
        "eval_X": held[0],
        "eval_y": held[1],
        "eval_sample_weight": None if weights is None else [weights],
        "callbacks": [stop],
    }


def _weights(train: Array, targets: Array, setting: ModelSetting) -> Array | None:
    """The weight of each row with which all classes of `train` weigh the same; None where they are not balanced."""
    if not setting.is_balanced or setting.task != "classification":
        return None
    counts = np.bincount(train)
    return np.asarray((len(train) / (len(counts) * counts))[targets])
