"""Features are rounded to float32, dense and sparse."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tasks.kernels.estimators.float32_features import Float32Features


def test_features_are_float32() -> None:
    rows = np.array([[1 / 3, 2.0]])
    rounding = Float32Features().fit(rows)
    assert rounding.transform(rows).dtype == np.float32
    assert rounding.transform(rows)[0, 0] == np.float32(1 / 3)
    thin = rounding.transform(sparse.csr_matrix(rows))
    assert sparse.issparse(thin)
    assert thin.dtype == np.float32
    assert list(rounding.get_feature_names_out()) == ["x0", "x1"]
