"""Fits, ensembles and students that do not suit the data are one message with the knob's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import datasets, mixed_tables, runs

from flows.recipe.default_branches import branches_of
from flows.recipe.loading import validate_recipe
from tasks.compression.fit_checks import check_fits
from tasks.core import InputError, Prepared, Store
from tasks.training.simple.fit_spec import Fit

MEMBERS = [{"family": "lightgbm"}, {"family": "linear"}]
STUDENT = {"step": "fit", "family": "lightgbm", "taught": True}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return runs.workspace(tmp_path).store


def prepared_table(store: Store, rows: int = 60) -> Prepared:
    table = mixed_tables.mixed_table(rows, 0)
    parts: dict[Any, Any] = {name: (table, mixed_tables.values_of(table)) for name in ("train", "validation", "test")}
    dataset = datasets.table_set(store, parts)
    return Prepared(dataset, "", {}, (len(dataset.columns),))


def checked(store: Store, model: dict[str, Any], *steps: dict[str, Any], prepared: Prepared | None = None) -> None:
    branches = [{"name": f"b{place}", "steps": [step]} for place, step in enumerate(steps)]
    content = {"name": "a", "data": {"source": "a.csv", "target": "y"}, "model": model}
    content |= {"compress": {"branches": branches}} if branches else {}
    recipe = validate_recipe(content, "a.yaml")
    own = recipe.compress.branches if recipe.compress else ()
    check_fits(recipe.model, 0, own, prepared or prepared_table(store), store)


def test_what_suits_passes(store: Store) -> None:
    both = STUDENT, {"step": "ensemble", "members": MEMBERS}
    checked(store, {"ensemble": {"members": MEMBERS, "kind": "stacking"}}, *both)


@pytest.mark.parametrize(
    ("model", "step", "says"),
    [
        (
            {"ensemble": {"members": [MEMBERS[1], {"family": "lightgbm", "arguments": {"leafs": 3}}]}},
            None,
            r"model\.ensemble\.members\.1\.arguments\.leafs: LightGBM has no argument `leafs`",
        ),
        (
            {"ensemble": {"members": MEMBERS}, "monotone": {"a_b": 1}},
            None,
            r"model\.monotone: linear model has no monotone columns",
        ),
        (
            {"family": "linear"},
            {"step": "ensemble", "members": [*MEMBERS, {"family": "knn", "arguments": {"neighbors": 3}}]},
            r"compress\.branches\.0\.steps\.0\.members\.2\.arguments\.neighbors: .*nearest valid choice: n_neighbors",
        ),
        (
            {"family": "linear"},
            {"step": "ensemble", "kind": "stacking", "folds": 50, "members": MEMBERS},
            r"compress\.branches\.0\.steps\.0\.folds: .* needs at least 50 rows",
        ),
        (
            {"family": "linear", "quantile": 0.5},
            STUDENT,
            r"compress\.branches\.0\.steps\.0\.taught: needs a baseline that predicts means or classes",
        ),
        (
            {"factory": "tasks.architectures:mlp"},
            STUDENT,
            r"compress\.branches\.0\.steps\.0\.taught: needs a baseline that is a simple model",
        ),
    ],
)
def test_what_does_not_suit_is_said(model: dict[str, Any], step: Any, says: str, store: Store) -> None:
    with pytest.raises(InputError) as caught:
        checked(store, model, *([step] if step else []), prepared=prepared_table(store, 40))
    caught.match(says)


def test_a_fit_of_pictures_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match=r"steps\.0\.step: suits tables only, but memory holds images"):
        checked(store, {"factory": "a:b"}, {"step": "fit", "family": "linear"}, prepared=datasets.unread_pictures())


def test_the_branches_of_an_ensemble_are_its_members_and_a_student() -> None:
    model = {"ensemble": {"members": MEMBERS}, "balanced": True}
    recipe = validate_recipe({"name": "a", "data": {"source": "a.csv", "target": "y"}, "model": model}, "a.yaml")
    lightgbm, linear, student = branches_of(recipe).branches
    assert [branch.name for branch in (lightgbm, linear, student)] == ["lightgbm 1", "linear 2", "student"]
    first, taught = lightgbm.steps[0], student.steps[0]
    assert isinstance(first, Fit)
    assert isinstance(taught, Fit)
    assert (first.balanced, taught.taught) == (True, True)
