"""Booster models: a booster of LightGBM that was read from its file, as an estimator of scikit-learn's interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin


class BoosterModel(BaseEstimator):  # type: ignore[misc]
    """What both kinds have in common; it is fitted, and never fitted again."""

    boosting_type = "gbdt"

    def __init__(self, booster: Any = None, text_categories: Mapping[str, Sequence[Any]] | None = None) -> None:
        """Takes a booster.

        Args:
            booster: `lightgbm.Booster`.
            text_categories: of features that were pandas' categories, the categories in the order of their codes.
        """
        self.booster = booster
        self.text_categories = text_categories
        if booster is not None:
            self.booster_ = booster
            self.feature_names_in_ = np.array(booster.feature_name(), dtype=object)
            self.n_features_in_ = booster.num_feature()

    def fit(self, features: Any, targets: Any) -> BoosterModel:
        """Raises TypeError: the model is taken as it is."""
        raise TypeError("a booster that was read from a file is not fitted again")

    def answers(self, rows: Any) -> Any:
        """What the booster itself answers for a frame, or for a matrix in which categories are their codes."""
        if not hasattr(rows, "columns"):
            return np.asarray(self.booster_.predict(np.asarray(rows, np.float64)))
        import pandas as pd

        frame = rows.copy()
        for name, known in (self.text_categories or {}).items():
            values = frame[name]
            if values.dtype.kind not in "fiu":
                spelled = {str(each): each for each in known}
                values = values.map(spelled)
            frame[name] = pd.Categorical(values, categories=list(known))
        return np.asarray(self.booster_.predict(frame))


class BoosterClassifier(ClassifierMixin, BoosterModel):  # type: ignore[misc]
    """A booster of classes, which are numbers from 0 on."""

    @property
    def classes_(self) -> Any:
        """The numbers of the classes, (classes,)."""
        return np.arange(max(2, self.booster_.num_model_per_iteration()))

    def predict_proba(self, rows: Any) -> Any:
        """Probabilities, (rows, classes)."""
        found = self.answers(rows)
        return np.stack([1 - found, found], axis=1) if found.ndim == 1 else found

    def predict(self, rows: Any) -> Any:
        """The number of the most probable class, (rows,)."""
        return self.predict_proba(rows).argmax(axis=1)


class BoosterRegressor(RegressorMixin, BoosterModel):  # type: ignore[misc]
    """A booster of numbers."""

    def predict(self, rows: Any) -> Any:
        """The predictions, (rows,)."""
        return self.answers(rows)
