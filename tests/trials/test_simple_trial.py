"""One trial of a search over a simple model: the fit at its point, without Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import datasets, mixed_tables, runs
from support.trial_context import FakeTrialContext

from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from flows.trials.simple_trial import TARGETS, SimpleTrial, shared_folds
from tasks.core import InputError, Prepared
from tasks.data.preprocessing import preprocess
from tasks.evaluation.metric_choice import metric_of
from tasks.models.estimators.fit import predict_rows
from tasks.search.space import Point
from tasks.training.simple import folds
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import fit_pipeline
from tasks.training.simple.table_rows import rows_of

LEAVES = {"model.arguments.num_leaves": {"integers": [3, 31]}}
FAMILIES = {"model.family": {"choice": ["lightgbm", "linear"]}}


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    parts: dict[Any, Any] = {}
    for seed, (split, rows) in enumerate((("train", 240), ("validation", 90))):
        table = mixed_tables.mixed_table(rows, seed)
        parts[split] = (table, mixed_tables.three_classes(table))
    store = runs.workspace(tmp_path).store
    return preprocess(datasets.table_set(store, parts, 3), (), store)


@pytest.fixture
def many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "FEW", 100)


def recipe_of(**changes: Any) -> Recipe:
    content = {
        "name": "mixed",
        "data": {"source": "memory"},
        "model": {"family": "lightgbm", "arguments": {"n_estimators": 20}},
        "search": {"space": LEAVES},
        "goal": {"metric": "log_loss"},
    }
    return validate_recipe({**content, **changes})


def ran(folder: Path, prepared: Prepared, point: Point, **changes: Any) -> FakeTrialContext:
    workspace = runs.workspace(folder)
    trial = SimpleTrial(recipe_of(**changes), prepared)
    shared = dict(trial.arrays(workspace.store))
    for array in shared.values():
        array.flags.writeable = False  # as Ray maps them
    empty = runs.workspace(folder / "elsewhere")
    context = FakeTrialContext(empty, folder / "elsewhere" / "trial", shared)
    trial(point, context)
    assert not empty.store.root.exists(), "nothing is read from, or written into, a store"
    return context


@pytest.mark.usefixtures("many_rows")
def test_a_trial_scores_what_the_winner_will_be(tmp_path: Path, prepared: Prepared) -> None:
    context = ran(tmp_path, prepared, {"model.arguments.num_leaves": 5})
    assert list(context.curve) == [1]
    store = runs.workspace(tmp_path).store
    spec = Fit.model_validate({"family": "lightgbm", "arguments": {"n_estimators": 20, "num_leaves": 5}})
    frame, targets = rows_of(prepared, "validation", store)
    answers = predict_rows(fit_pipeline(prepared, spec, (), runs.context_of(store)), frame)
    metric = metric_of(SimpleTrial(recipe_of(), prepared).metric)
    assert context.curve[1] == pytest.approx(-metric.value(answers, targets), abs=1e-9), "higher is better"


def test_few_rows_are_all_predicted(tmp_path: Path, prepared: Prepared) -> None:
    workspace = runs.workspace(tmp_path)
    arrays = SimpleTrial(recipe_of(), prepared).arrays(workspace.store)
    parts = shared_folds(arrays)
    assert len(parts) == 5
    np.testing.assert_array_equal(np.sort(np.concatenate([fold.held for fold in parts])), np.arange(330))
    assert len(arrays[TARGETS]) == 330
    assert np.isfinite(ran(tmp_path, prepared, {"model.arguments.num_leaves": 5}).curve[1])


@pytest.mark.usefixtures("many_rows")
def test_another_family_has_none_of_the_arguments(tmp_path: Path, prepared: Prepared) -> None:
    other = ran(tmp_path, prepared, {"model.family": "linear"}, search={"space": FAMILIES})
    alone = ran(tmp_path, prepared, {}, model={"family": "linear"}, search=None)
    assert other.curve == alone.curve


@pytest.mark.usefixtures("many_rows")
def test_steps_are_fitted_in_the_trial(tmp_path: Path, prepared: Prepared) -> None:
    steps = {"preprocess": [{"step": "one_hot"}], "model": {"family": "linear"}}
    space = {"space": {"preprocess.0.max_categories": {"integers": [1, 64]}}}
    few, many = (
        ran(tmp_path, prepared, {"preprocess.0.max_categories": most}, search=space, **steps).curve[1]
        for most in (1, 64)
    )
    assert few < many, "one category of a text column says less"


def test_what_the_library_refuses_makes_the_trial_fail(tmp_path: Path, prepared: Prepared) -> None:
    with pytest.raises(InputError, match="num_leaves"):
        ran(tmp_path, prepared, {"model.arguments.num_leaves": 1})


def test_scores_can_be_compared_unless_what_is_not_searched_differs(prepared: Prepared) -> None:
    def identity(**changes: Any) -> str:
        return SimpleTrial(recipe_of(**changes), prepared).identity

    one = identity()
    assert one == identity(search={"space": LEAVES, "trials": 9, "algorithm": "random"}), "how it goes about it"
    model = {"family": "lightgbm", "arguments": {"n_estimators": 20, "num_leaves": 9}}
    assert one == identity(model=model), "the searched value itself"
    assert one != identity(model={"family": "lightgbm"})
    assert one != identity(goal={"metric": "accuracy"})
    assert one != identity(preprocess=[{"step": "ordinal"}])
    bare = [identity(model={"family": family}, search={"space": FAMILIES}) for family in ("lightgbm", "linear")]
    assert bare[0] == bare[1], "the first to try matters to no score"


def test_a_score_has_its_metric_beside_it(prepared: Prepared) -> None:
    assert SimpleTrial(recipe_of(), prepared).format_score(-0.25) == "log loss 0.2500"
