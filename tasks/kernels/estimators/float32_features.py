"""Float32 features: a step of a pipeline that rounds features to the type in which the ONNX graph computes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin


class Float32Features(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn brings no types
    """Rounds features to float32; stands in front of a model, so that the model is trained on what the graph sees."""

    def fit(self, features: Any, targets: Any = None) -> Float32Features:
        """Takes note of the number of columns, (examples, columns)."""
        self.n_features_in_ = features.shape[1]
        return self

    def transform(self, features: Any) -> Any:
        """The features as float32; a sparse matrix stays sparse."""
        rounded: Any = features if sparse.issparse(features) else np.asarray(features)
        return rounded.astype(np.float32)

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """The names as they come in; `x0`, `x1`, … without any."""
        return [f"x{n}" for n in range(self.n_features_in_)] if input_features is None else input_features
