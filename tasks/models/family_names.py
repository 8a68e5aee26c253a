"""Family names: the kinds of models that a recipe can name."""

from __future__ import annotations

from typing import Literal, get_args

FamilyName = Literal["linear", "random_forest", "extra_trees", "hist_boosting", "lightgbm", "xgboost", "knn"]
NetworkFamily = Literal["mlp", "embedding_mlp"]
NETWORKS = get_args(NetworkFamily)
"""The families that are networks for tables, which `train` trains."""
AskedFamily = Literal["auto", FamilyName, NetworkFamily]
