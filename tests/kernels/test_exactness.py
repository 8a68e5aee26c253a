"""Parts that have no exact graph are refused, by their place in the pipeline, with a way out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer, SplineTransformer
from sklearn.svm import SVC, LinearSVC
from support.mixed_tables import mixed_table, plain_transformer, three_classes, values_of
from xgboost import XGBRegressor

from tasks.kernels.estimators.exactness import WORDS, Unconvertible, check_exact

ROWS = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
TARGETS = np.arange(60) % 2


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]), "categorical_features=None"),
        (HistGradientBoostingRegressor(max_iter=2, loss="poisson"), "use LightGBM"),
        (CalibratedClassifierCV(LGBMClassifier(n_estimators=2, verbose=-1)), "convert LGBMClassifier alone"),
        (CalibratedClassifierCV(LogisticRegression(), method="isotonic"), "use method='sigmoid'"),
        (VotingClassifier([("a", LogisticRegression())], voting="soft"), "flatten_transform=False"),
        (VotingClassifier([("a", LogisticRegression())]), "voting='soft'"),
        (LGBMRegressor(n_estimators=2, linear_tree=True, verbose=-1), "linear_tree=False"),
        (XGBRegressor(n_estimators=2, booster="gblinear"), "booster='gbtree'"),
        (SVC(), "use LogisticRegression"),
        (TransformedTargetRegressor(Ridge()), "transform the target by the recipe"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else None,
)
def test_models_that_would_answer_differently(model: Any, said: str) -> None:
    rows = np.where(ROWS > 0, 1, 0) if isinstance(model, HistGradientBoostingClassifier) else ROWS
    fitted = Pipeline([("model", model)]).fit(rows, TARGETS)
    with pytest.raises(Unconvertible, match=f"^model: .*{said}"):
        check_exact(fitted)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (QuantileTransformer(n_quantiles=5, output_distribution="normal"), "output_distribution='uniform'"),
        (SplineTransformer(), "KBinsDiscretizer"),
        (SimpleImputer(add_indicator=True), "`impute` with its indicator"),
        (MissingIndicator(), "`impute` with its indicator"),
        (FunctionTransformer(np.abs), "`preprocess`"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else None,
)
def test_transformers_without_an_exact_graph(part: Any, said: str) -> None:
    fitted = Pipeline([("prepare", Pipeline([("inner", part)]))]).fit(ROWS)
    with pytest.raises(Unconvertible, match=f"^prepare.inner: .*{said}"):
        check_exact(fitted)


@pytest.mark.parametrize(
    ("part", "said"),
    [(TfidfVectorizer(), "token_pattern="), (TfidfVectorizer(ngram_range=(1, 2), token_pattern=WORDS), "single words")],
)
def test_texts_are_split_as_the_runtime_splits_them(part: Any, said: str) -> None:
    with pytest.raises(Unconvertible, match=said):
        check_exact(part.fit(["one two", "two three"]))


def test_scores_are_no_probabilities() -> None:
    with pytest.raises(Unconvertible, match="LinearSVC gives no probabilities"):
        check_exact(LinearSVC().fit(ROWS, TARGETS))


def test_members_share_one_preparation() -> None:
    table = mixed_table()
    whole = Pipeline([("columns", plain_transformer()), ("model", LogisticRegression())])
    stacked = StackingClassifier([("a", whole)]).fit(table, three_classes(table))
    with pytest.raises(Unconvertible, match="prepares the columns for all members"):
        check_exact(stacked, inputs=6)


def test_what_is_exact_passes() -> None:
    table = mixed_table()
    check_exact(plain_transformer().fit(table), inputs=6)
    check_exact(Pipeline([("c", plain_transformer()), ("m", Ridge())]).fit(table, values_of(table)), inputs=6)
    check_exact(CalibratedClassifierCV(RandomForestClassifier(2, random_state=0)).fit(ROWS, TARGETS))
