"""Wrong searches over what a model is, its arguments, and the preprocessing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.wrong_input import Row, check_plan, two

FAMILY = ("model.family", {"choice": ["lightgbm", "linear"]})
LEAVES = ("model.arguments.num_leaves", {"integers": [7, 31]})


def simple(*paths: tuple[str, Any], search: Any = None, **recipe: Any) -> dict[str, Any]:
    """A recipe for LightGBM with a search over several paths."""
    return {"model": {"family": "lightgbm"}, **two(*paths, **(search or {})), **recipe}


ROWS = {
    "family that does not exist": Row(
        "a.yaml: search.space.model.family: must be one of auto, linear, random_forest, extra_trees, hist_boosting, "
        "lightgbm, xgboost, knn, mlp, embedding_mlp, own, but got 'lightgmb'; nearest valid choice: lightgbm",
        recipe=simple(("model.family", {"choice": ["lightgmb", "linear"]})),
    ),
    "auto among the families": Row(
        "a.yaml: search.space.model.family: fits several families, and cannot be searched as well, but got 'auto'; "
        "nearest valid choice: left out, with search.space.model.family: {choice: [linear, lightgbm, random_forest]}",
        recipe=simple(("model.family", {"choice": ["lightgbm", "auto"]})),
    ),
    "auto beside a search": Row(
        "a.yaml: model.family: fits several families, and cannot be searched as well, but got 'auto'; "
        "nearest valid choice: left out, with search.space.model.family: {choice: [linear, lightgbm, random_forest]}",
        recipe=simple(LEAVES, model={"family": "auto"}),
    ),
    "simple models and networks": Row(
        "a.yaml: search.space.model.family: must choose between simple models, or between the networks mlp, "
        "embedding_mlp, but got ['lightgbm', 'mlp']; nearest valid choice: {'choice': ['lightgbm']}",
        recipe=simple(("model.family", {"choice": ["lightgbm", "mlp"]})),
    ),
    "argument that another family lacks": Row(
        "a.yaml: search.space.model.arguments.num_leaves: "
        "needs a condition, since model.family is searched as well: linear "
        "model has no argument `num_leaves`; nearest valid choice: when: {model.family: lightgbm}",
        recipe=two(FAMILY, LEAVES),
    ),
    "argument that the family lacks": Row(
        "a.yaml: search.space.model.arguments.num_leafs: LightGBM has no argument `num_leafs`; "
        "nearest valid choice: num_leaves",
        recipe=simple(("model.arguments.num_leafs", {"integers": [7, 31]})),
    ),
    "argument that something else sets": Row(
        "a.yaml: search.space.model.arguments.random_state: "
        "`random_state` is set by train.seed, and is no argument here",
        recipe=simple(("model.arguments.random_state", {"integers": [1, 3]})),
    ),
    "argument that another factory lacks": Row(
        "a.yaml: search.space.model.arguments.width: "
        "needs a condition, since model.factory is searched as well: is not an "
        "argument of nets:linear; nearest valid choice: when: {model.factory: tasks.architectures:mlp}",
        recipe=two(
            ("model.factory", {"choice": ["tasks.architectures:mlp", "nets:linear"]}),
            ("model.arguments.width", {"choice": [8, 16]}),
        ),
    ),
    "factory that does not exist": Row(
        "a.yaml: search.space.model.factory: must name a function of the module tasks.architectures, but got "
        "'mlpp'; nearest valid choice: tasks.architectures:mlp",
        recipe=two(("model.factory", {"choice": ["tasks.architectures:mlp", "tasks.architectures:mlpp"]})),
    ),
    "value that the library refuses": Row(
        "a.yaml: search.space.model.arguments.num_leaves: "
        "LightGBM refuses: LightGBMError: Check failed: (num_leaves) > (1)",
        recipe=simple(("model.arguments.num_leaves", {"integers": [1, 31]})),
    ),
    "number that scikit-learn refuses": Row(
        "a.yaml: search.space.model.arguments.max_bins: "
        "histogram gradient boosting refuses: InvalidParameterError: The "
        "'max_bins' parameter of HistGradientBoostingClassifier must be an int in the range [2, 255]. Got 300 instead.",
        recipe=simple(("model.arguments.max_bins", {"integers": [9, 300]}), model={"family": "hist_boosting"}),
    ),
    "step that is not there": Row(
        "a.yaml: search.space.preprocess.1.method: goes through a list with the places 0 to 0, but got '1'; "
        "nearest valid choice: 0",
        recipe=simple(("preprocess.1.method", {"choice": ["standard"]}), preprocess=[{"step": "scale"}]),
    ),
    "no steps at all": Row(
        "a.yaml: search.space.preprocess.0.method: goes through a list that is empty, but got '0'",
        recipe=simple(("preprocess.0.method", {"choice": ["standard"]})),
    ),
    "method that does not exist": Row(
        "a.yaml: search.space.preprocess.0.method: must be one of standard, minmax, robust, quantile, none, but got "
        "'minmx'; nearest valid choice: minmax",
        recipe=simple(("preprocess.0.method", {"choice": ["standard", "minmx"]}), preprocess=[{"step": "scale"}]),
    ),
    "column that the table lacks": Row(
        "a.yaml: search.space.preprocess.0.columns: must name an input column, but got 'c'; nearest valid choice: a, b",
        recipe=two(("preprocess.0.columns", {"choice": [["a"], ["c"]]}))
        | {"preprocess": [{"step": "scale", "method": "robust"}]},
    ),
    "training of a simple model": Row(
        "a.yaml: search.space.train.learning_rate: must be one of, or begin with, preprocess., model.family, "
        "model.factory, model.arguments., model.balanced of a simple model",
        recipe=simple(("train.learning_rate", {"uniform": [0.1, 0.2]})),
    ),
    "what a model predicts": Row(
        "a.yaml: search.space.model.balance: "
        "must be one of, or begin with, preprocess., model.family, model.factory, "
        "model.arguments., model.balanced of a simple model; nearest valid choice: model.balanced",
        recipe=simple(("model.balance", {"choice": [True, False]})),
    ),
    "balance of a network": Row(
        "a.yaml: search.space.model.balanced: must be one of, or begin with, train., augment., preprocess., "
        "model.family, model.factory, model.arguments.; nearest valid choice: model.family",
        recipe=two(("model.balanced", {"choice": [True, False]})),
    ),
    "population of simple models": Row(
        "a.yaml: search.space.model.arguments.num_leaves: pbt changes values while a network trains: only "
        "train.learning_rate, train.weight_decay, train.momentum (tpe searches the others)",
        recipe=simple(LEAVES, search={"algorithm": "pbt"}),
    ),
    "scheduler of simple models": Row(
        "a.yaml: search.scheduler: "
        "must be none: a simple model is fitted in one go, and nothing is there to be stopped early, "
        "but got 'asha'; nearest valid choice: none",
        recipe=simple(LEAVES, search={"scheduler": "asha"}),
    ),
    "epochs of simple models": Row(
        "a.yaml: search.epochs: must be left out: a simple model is fitted in one go, without epochs, but got 3",
        recipe=simple(LEAVES, search={"epochs": 3}),
    ),
    "size of simple models": Row(
        "a.yaml: search.minimize: "
        "must be left out: what the file of a simple model costs is measured after the search, but "
        "got 'bytes'",
        recipe=simple(LEAVES, search={"minimize": "bytes"}),
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)
