"""Argument trial: what a library refuses when it fits is found with a few made-up rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import datasets, mixed_tables, runs

from tasks.core import Dataset, InputError
from tasks.training.simple.argument_trial import try_arguments
from tasks.training.simple.fit_spec import Fit


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    table = mixed_tables.mixed_table(40)
    parts: Any = {"train": (table, mixed_tables.three_classes(table))}
    return datasets.table_set(runs.workspace(tmp_path).store, parts, 3)


@pytest.mark.parametrize("family", ["linear", "random_forest", "hist_boosting", "lightgbm", "knn"])
def test_defaults_are_taken(family: str, dataset: Dataset) -> None:
    try_arguments(Fit.model_validate({"family": family, "seed": 1}), dataset)


@pytest.mark.parametrize(
    ("family", "arguments", "says"),
    [
        ("lightgbm", {"num_leaves": 1}, "LightGBM refuses: LightGBMError: Check failed: (num_leaves) > (1)"),
        ("knn", {"n_neighbors": 0}, "'n_neighbors' parameter of KNeighborsClassifier must be an int in the range"),
        ("linear", {"width": 3}, "linear model has no argument `width`"),
    ],
)
def test_a_wrong_argument_is_named(
    family: str, arguments: dict[str, Any], says: str, dataset: Dataset, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError) as error:
        try_arguments(Fit.model_validate({"family": family, "arguments": arguments}), dataset)
    assert says in str(error.value)
    assert error.value.path == f"model.arguments.{next(iter(arguments))}"
    assert capfd.readouterr().err == "", "LightGBM writes it there, too"
