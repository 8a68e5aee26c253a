"""The plan: everything is tried except training, and the cost is told beforehand."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support import runs
from support.churn_table import churn_table
from support.source_tree import ROOT

from flows.cli.plans import plan_search
from flows.cli.plans.plan import Plan, plan_run
from flows.cli.plans.plan_cost import describe_cost, recoveries
from flows.cli.plans.plan_view import show_plan
from flows.recipe.loading import load_recipe
from flows.recipe.schema import Recipe
from tasks.compression.branch import CompressionSearch
from tasks.compression.search_space import branch_space
from tasks.core import InputError

CUT, REPAIR = runs.CUT, runs.REPAIR
TABLE: dict[str, Any] = {"data": {"source": "sklearn:iris"}, "model": {}}


def plan(tmp_path: Path, **changes: Any) -> Plan:
    return plan_run(runs.tiny_recipe(**changes), runs.workspace(tmp_path))


def shown(found: Plan) -> str:
    console = Console(file=io.StringIO(), width=200)
    show_plan(found, console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_a_plan_reads_the_data_and_trains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.training import train

    monkeypatch.setattr(train, "train", lambda *_, **__: pytest.fail("a plan trains nothing"))
    found = plan(tmp_path)
    assert found.prepared.dataset.splits["train"].count == 1079
    assert found.parameters == 9 * (16 + 16 * 16 + 16 * 32 + 32 * 32) + 2 * 2 * (16 + 32) + 33 * 10
    assert 0 < found.epoch_seconds < 60
    assert not (tmp_path / "checkpoints").exists()
    assert not (tmp_path / "mlflow.db").exists()


def test_the_steps_are_shown_in_order(tmp_path: Path) -> None:
    text = shown(plan(tmp_path))
    parts = [
        "ingest sklearn:digits: images, classification; 1,079 train, 359 validation, 359 test, 64 calibration",
        "preprocess: the defaults",
        "train tasks.architectures:convnet",
        "at most 2 epochs",
        "compress\n",
        "narrow: channels sparsity 0.5 → recover epochs 1",
        "narrow-int8: channels sparsity 0.5 → recover epochs 1 → int8",
        "backwards: int8 → channels sparsity 0.5",
        "dense control: recover epochs 1",
        "evaluate on validation in ONNX Runtime: cpu, 1 thread(s), batch 1, 3 processes",
        "select: accuracy within 1 (estimate), least bytes",
        "test once → register in MLflow → report",
        "Cost",
    ]
    places = [text.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)


def test_more_processes_are_a_bound(tmp_path: Path) -> None:
    assert "batch 1, 3 to 5 processes, interleaved" in shown(plan(tmp_path, runtime={"processes": 5}))


def test_the_default_branches_are_said_to_be_the_default(tmp_path: Path) -> None:
    text = shown(plan(tmp_path, compress=None))
    assert "compress (the default branches)" in text
    assert "low-rank: low_rank → recover" in text


def test_the_cost_worked_by_hand(tmp_path: Path) -> None:
    found = Plan(runs.tiny_recipe(), plan(tmp_path).prepared, epoch_seconds=30.0, parameters=1)
    # Two epochs of training; a recovery that two branches share and the control's: 4 epochs of 30 s.
    assert describe_cost(found) == (
        "at most 2 epochs of training, 2 epochs of recovery: about 2.0 minutes of training on this machine"
    )
    space = {"train.learning_rate": {"loguniform": [1e-3, 1e-1]}}
    searching = runs.tiny_recipe(search={"space": space, "trials": 5, "epochs": 9})
    found = Plan(searching, found.prepared, 30.0, 1)
    assert "10 epochs of search" in describe_cost(found), "no trial is longer than the training"
    assert "about 7.0 minutes" in describe_cost(found)
    for more, said in (
        ({"trials": 5}, "3 minutes of search"),
        ({}, "3 minutes of search"),
        ({"trials": 1}, "2 epochs"),
    ):
        timed = runs.tiny_recipe(search={"space": space, "minutes": 3, **more})
        assert said in describe_cost(Plan(timed, found.prepared, 30.0, 1))
    bare = runs.tiny_recipe(
        model={"weights": "net.pt"}, compress={"branches": [{"name": "a", "steps": [{"step": "int8"}]}]}
    )
    assert describe_cost(Plan(bare, found.prepared, 30.0, 1)).startswith("at most no training: about 0.0")


def test_a_population_trains_each_member_once(tmp_path: Path) -> None:
    search = {
        "algorithm": "pbt",
        "population": 3,
        "generations": 2,
        "space": {"train.learning_rate": {"uniform": [0.1, 1]}},
    }
    train = {"epochs": 5, "schedule": "constant", "early_stopping": None}
    text = shown(plan(tmp_path, train=train, search=search))
    assert "tune: 6 trials, pbt, a population of 3 through 2 generations; 1 CPU a trial" in text
    assert "18 epochs of search" in text, "six stages of at most three epochs"
    assert "9 epochs of search" in shown(plan(tmp_path, train=train, search={**search, "trials": 3}))


def test_recoveries_count_once_for_each_way_to_them() -> None:
    recipe: Recipe = runs.tiny_recipe(
        compress={
            "branches": [
                {"name": "a", "steps": [CUT, REPAIR]},
                {"name": "b", "steps": [CUT, REPAIR, {"step": "low_rank"}, REPAIR]},
                {"name": "c", "steps": [{"step": "low_rank"}, REPAIR]},
            ]
        }
    )
    assert recipe.compress is not None
    # a and b share the first; b's second; c's; the controls of one recovery and of two share theirs.
    assert len(recoveries(recipe.compress)) == 3 + 2


NARROW: dict[str, Any] = {"name": "narrow", "steps": [CUT, {"step": "recover", "epochs": 4}, {"step": "int8"}]}


def searching(branch: dict[str, Any], **search: Any) -> Recipe:
    return runs.tiny_recipe(compress={"branches": [branch], "search": search})


def test_the_search_for_branches_is_shown_with_its_space_and_budget(tmp_path: Path) -> None:
    text = shown(plan(tmp_path, compress={"search": {"minutes": 30, "concurrency": 2, "resources": {"gpus": 0.5}}}))
    parts = [
        "compress (the default branches)",
        "search for more: trials within 30 minutes, tpe, asha; 1 CPU and 0.5 GPU a trial, at most 2 at once",
        "reduced by nothing, or up to 2 of ",
        "finished by int8",
        "recovered for 1, then 3, then 9, then 27 epochs; about one of 3 branches goes on each time, the likeliest",
        "channels.sparsity: uniform [0.1, 0.75]",
        "a search for branches (trials within 30 minutes)",
    ]
    places = [text.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)


def test_templates_are_shown_with_their_domains_and_conditions() -> None:
    sparsity, importance = {"uniform": [0.2, 0.6]}, {"choice": ["magnitude", "taylor"]}
    space = {"narrow.0.sparsity": sparsity, "narrow.0.importance": importance}
    space["narrow.1.epochs"] = {"integers": [1, 6], "when": {"narrow.0.importance": "taylor"}}
    assert list(plan_search.space_lines(plan_search.full_search(searching(NARROW, space=space)).space)) == [
        "branch: choice ['narrow']",
        "narrow.0.sparsity: uniform [0.2, 0.6]",
        "narrow.0.importance: choice ['magnitude', 'taylor']",
        "narrow.1.epochs: integers [1, 6] when narrow.0.importance is taylor",
    ]


def test_the_cost_of_the_search_for_branches_worked_by_hand() -> None:
    cut = {"narrow.0.sparsity": {"uniform": [0.2, 0.6]}}
    timed = {"name": "narrow", "steps": [CUT, {"step": "recover", "minutes": 5}]}
    # 16 trials, which are rungs of at most 3 epochs (1 and 4) of 30 s, and 8 of one epoch (1 and 2); 10 trials of
    # the template's 4; of the 6 of its domain; of 5 minutes.
    for recipe, minutes in (
        (searching(NARROW), 16 * 3 * 0.5),
        (searching(NARROW, epochs=2, trials=8), 8 * 1 * 0.5),
        (searching(NARROW, trials=10, space=cut), 10 * 4 * 0.5),
        (searching(NARROW, trials=10, space={"narrow.1.epochs": {"integers": [1, 6]}}), 10 * 6 * 0.5),
        (searching(timed, trials=10, space=cut), 10 * 5),
        (searching(NARROW, minutes=7), 7),
        (searching(NARROW, trials=10, minutes=7), 7),
        (searching(NARROW, trials=2, minutes=7), 2 * 3 * 0.5),
    ):
        assert plan_search.max_minutes(recipe, 30.0) == minutes


def test_the_cost_says_what_is_searched(tmp_path: Path) -> None:
    found = Plan(searching(NARROW, trials=10), plan(tmp_path).prepared, epoch_seconds=30.0, parameters=1)
    # Training 2 epochs, recovery of the branch and of its control 8: 5 minutes; the search 15.
    assert describe_cost(found) == (
        "at most 2 epochs of training, 8 epochs of recovery, a search for branches (10 trials): "
        "about 20.0 minutes of training on this machine"
    )


def test_a_file_is_searched_without_training() -> None:
    space = branch_space.space_of(CompressionSearch(), (), "onnx", "bytes")
    assert next(iter(plan_search.space_lines(space))) == "reduced by nothing"
    assert plan_search.longest_trial(space, (), 30.0) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"goal": {"metric": "rmse"}}, r"goal\.metric: must be one of accuracy, .* for classification"),
        (
            {"compress": {"branches": [{"name": "a", "steps": [{"step": "channels", "ignore": ["0.wait"]}]}]}},
            r"compress\.branches\.0\.steps\.0\.ignore.*'0\.wait'",
        ),
        ({**TABLE, "augment": [{"step": "flip"}]}, r"augment"),
        ({"model": {"arguments": {"widht": 3}}}, r"widht"),
        ({"model": {"arguments": {"depth": "two"}}}, r"model\..*depth"),
        ({"model": {"weights": "nowhere.pt"}}, r"model\.weights: names a file that does not exist.*'nowhere\.pt'"),
        ({"data": {"source": "sklearn:digitz"}}, r"data\.source.*sklearn:digits"),
        ({"preprocess": [{"step": "one_hot"}]}, r"preprocess\.0"),
        ({"model": {"factory": "tasks.architectures:mlp", "arguments": {"input_shape": [5]}}}, r"does not accept"),
    ],
)
def test_what_optimize_would_refuse_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        plan(tmp_path, **changes)


def test_a_table_can_be_planned_without_a_word_about_the_model(tmp_path: Path) -> None:
    text = shown(plan(tmp_path, **TABLE))
    assert "table, classification" in text
    assert "tasks.architectures:mlp" in text


def test_the_recipe_of_customers_takes_a_table_of_theirs(tmp_path: Path) -> None:
    churn_table(400).to_csv(tmp_path / "customers.csv", index=False)
    recipe = load_recipe(ROOT / "conf" / "churn.yaml", [f"data.source={tmp_path / 'customers.csv'}"])
    text = shown(plan_run(recipe, runs.workspace(tmp_path)))
    assert "240 train, 80 validation, 80 test" in text
    assert "customer: left out, because it is different in every row" in text
    assert "region: " in text
    assert "select: ROC AUC within 0.005 (estimate), least latency" in text
    money = ["goal.metric=cost", "goal.costs=[[0,1],[5,0]]", "model.balanced=false"]
    costly = load_recipe(ROOT / "conf" / "churn.yaml", [f"data.source={tmp_path / 'customers.csv'}", *money])
    assert "select: mean cost within 0.005" in shown(plan_run(costly, runs.workspace(tmp_path)))


def test_the_search_of_a_simple_model_is_shown_with_its_cost(tmp_path: Path) -> None:
    space = {
        "model.family": {"choice": ["lightgbm", "linear"]},
        "model.arguments.num_leaves": {"integers": [3, 31], "when": {"model.family": "lightgbm"}},
    }
    changes: dict[str, Any] = {"train": {}, "compress": {}, "data": {"source": "sklearn:wine"}, "model": {}}
    found = plan(tmp_path, **changes, search={"space": space, "trials": 6})
    assert found.trial_seconds > 0, "a fit to some rows is timed"
    text = shown(found)
    assert "tune: 6 trials, tpe, none; 1 CPU a trial" in text, "nothing can stop a trial early"
    assert "model.arguments.num_leaves: integers [3, 31] when model.family is lightgbm" in text
    assert "fit the best of them" in text
    assert "compress: smaller forms of the family that the search finds, and a linear model" in text
    assert "at most 6 trials of search: about" in text
