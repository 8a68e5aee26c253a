"""One trial of a search: the training at its point, without Ray."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support import datasets, mixed_tables, runs
from support.trial_context import FakeTrialContext

from flows.recipe.points import freeze_point, with_point
from flows.recipe.schema import Recipe
from flows.trials.training_trial import SEEN, TrainingObjective
from tasks.core import Refusal, Workspace, digest_of
from tasks.data.preprocessing import preprocess
from tasks.evaluation import latencies
from tasks.search.results import EXCESS
from tasks.search.space import Point
from tasks.training.trainer import Trainer
from tasks.tuning.pbt_stages import go_on

SPACE = {"train.learning_rate": {"loguniform": [1e-3, 1e-1]}}


def trial(workspace: Workspace, **changes: Any) -> tuple[TrainingObjective, dict[str, np.ndarray]]:
    recipe = runs.tiny_recipe(
        data={"source": "memory"},
        model={"factory": "tasks.architectures:mlp", "arguments": {"width": 8, "depth": 1}},
        **{"train": {"epochs": 4, "batch_size": 16}, **changes},
    )
    prepared = datasets.prepared_squares(workspace.store)
    run = TrainingObjective(recipe, prepared, workspace.store.get_json(prepared.fitted))
    shared = dict(run.arrays(workspace.store))
    for array in shared.values():
        array.flags.writeable = False  # as Ray maps them
    return run, shared


def ran(folder: Path, point: Point, **changes: Any) -> FakeTrialContext:
    workspace = runs.workspace(folder)
    run, shared = trial(workspace, **changes)
    context = FakeTrialContext(workspace, folder / "trial", shared)
    run(point, context)
    return context


def test_a_trial_reports_every_epoch_with_a_score(tmp_path: Path) -> None:
    context = ran(tmp_path, {"train.learning_rate": 0.01})
    assert list(context.curve) == [1, 2, 3, 4]
    assert all(0 <= score <= 1 for score in context.curve.values())


def test_a_killed_trial_goes_on_from_its_checkpoint_and_ends_alike(tmp_path: Path, trained: list[int]) -> None:
    point = {"train.learning_rate": 0.01}
    whole = ran(tmp_path / "whole", point).curve
    workspace = runs.workspace(tmp_path)
    run, shared = trial(workspace)
    trained.clear()
    with pytest.raises(KeyboardInterrupt):
        run(point, FakeTrialContext(workspace, tmp_path / "trial", shared, dies_at=2))
    again = FakeTrialContext(workspace, tmp_path / "trial", shared)
    run(point, again)
    assert trained == [1, 2, 3, 4], "training went on after epoch 2"
    assert list(again.curve) == [1, 2, 3, 4], "what may have been lost on its way is reported again, at first"
    assert again.curve == whole


def test_a_trial_trains_no_longer_than_the_search_allows(tmp_path: Path) -> None:
    assert list(ran(tmp_path, {}, search={"space": SPACE, "epochs": 2}).curve) == [1, 2]


def test_a_loss_is_reported_with_its_sign_turned(tmp_path: Path) -> None:
    scores = list(ran(tmp_path, {}, goal={"metric": "log_loss"}).curve.values())
    assert all(score < 0 for score in scores)
    assert scores[-1] > scores[0], "higher is better"


def test_scores_can_be_compared_unless_what_is_not_searched_differs(tmp_path: Path) -> None:
    workspace = runs.workspace(tmp_path)

    def identity(**changes: Any) -> str:
        return trial(workspace, **changes)[0].identity

    one = identity(search={"space": SPACE, "trials": 3})
    assert one == identity(search={"space": SPACE, "trials": 9, "algorithm": "random"}), "how it goes about it"
    assert one == identity(search={"space": SPACE}, train={"epochs": 4, "batch_size": 16, "learning_rate": 0.5})
    assert one != identity(search={"space": SPACE, "epochs": 2})
    assert one != identity(search={"space": SPACE}, train={"epochs": 5, "batch_size": 16})
    assert one != identity(search={"space": SPACE}, goal={"metric": "log_loss"})
    assert one == identity(search={"space": SPACE, "minimize": "bytes"}), "a score is a score"


def test_scores_of_optimizers_hold_for_their_own_rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, search = runs.workspace(tmp_path), {"space": {"train.optimizer": {"choice": ["adamw", "sgd"]}}}

    def identities() -> list[str]:
        trainings = {"epochs": 4}, {"epochs": 4, "learning_rate": 1}
        return [trial(workspace, search=search, train=train)[0].identity for train in trainings]

    follows, is_named = identities()
    monkeypatch.setattr("flows.trials.training_trial.RATES", {"adamw": 0.001, "sgd": 1.0})
    assert identities()[0] != follows
    assert identities()[1] == is_named


def test_latencies_can_be_compared_on_the_same_host_and_runtime_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, changes = runs.workspace(tmp_path), {"search": {"space": SPACE, "minimize": "latency"}}
    here = trial(workspace, **changes)[0].identity
    assert here == trial(workspace, **changes)[0].identity
    assert here != trial(workspace, **changes, runtime={"batch": 8})[0].identity
    monkeypatch.setattr("flows.trials.training_trial.timing_host", lambda runtime: "another")
    assert here != trial(workspace, **changes)[0].identity
    monkeypatch.undo()
    assert here == trial(workspace, **changes)[0].identity


def test_a_score_has_its_metric_beside_it(tmp_path: Path) -> None:
    run, _ = trial(runs.workspace(tmp_path), goal={"metric": "log_loss"})
    assert run.format_score(-0.25) == "log loss 0.2500"


def test_what_a_file_costs_is_measured_before_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latencies, "SECONDS", 0.05)
    context = ran(tmp_path, {}, search={"space": SPACE, "epochs": 1, "minimize": "bytes"})
    (measured,) = context.measured
    assert measured["bytes"] == (context.folder / "untrained.onnx").stat().st_size
    assert measured["latency_ms"] > 0


def test_a_network_beyond_the_limits_is_not_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latencies, "SECONDS", 0.05)
    goal = {"limits": {"bytes": 1000}}
    context = ran(tmp_path, {}, search={"space": SPACE, "epochs": 1}, goal=goal)
    over = context.measured[0]["bytes"] / 1000 - 1
    assert over > 0
    assert context.curve == {1: pytest.approx(-1e6 * (1 + over))}
    assert context.measured[0][EXCESS] == pytest.approx(over)
    run, _ = trial(runs.workspace(tmp_path), search={"space": SPACE}, goal=goal)
    assert run.format_score(context.curve[1]) == f"beyond the limits by {over:.0%}"
    assert run.needs() == (run.prepared.dataset.splits["validation"].inputs,)


def test_another_preprocessing_is_fitted_in_the_trial(tmp_path: Path) -> None:
    steps = [{"step": "normalize"}]
    space = {"space": {"preprocess.0.scale": {"choice": [255.0, 1.0]}}, "epochs": 1}
    changes: dict[str, Any] = {"preprocess": steps, "search": space}
    workspace = runs.workspace(tmp_path)
    run, shared = trial(workspace, **changes)
    assert run.prepares
    splits = run.prepared.dataset.splits
    assert set(run.needs()) == {digest for name in SEEN for digest in (splits[name].inputs, splits[name].targets)}
    recipe = with_point(run.recipe, {"preprocess.0.scale": 51.0})
    context = FakeTrialContext(workspace, tmp_path / "trial", shared)
    prepared, fitted, arrays = run.prepared_data(recipe, context)
    assert set(prepared.dataset.splits) == set(SEEN), "test is not seen"
    known = datasets.prepared_squares(workspace.store, recipe.preprocess)
    assert fitted == workspace.store.get_json(known.fitted)
    assert all((arrays[name] == shared[name]).all() for name in shared), "pixels stay as they are"
    run({"preprocess.0.scale": 51.0}, context)
    assert list(context.curve) == [1]
    again = trial(workspace, **changes | {"preprocess": [{"step": "normalize", "scale": 51.0}]})[0]
    assert again.identity == run.identity, "the searched value itself"


def test_the_features_of_a_table_follow_the_preprocessing(tmp_path: Path) -> None:
    table = mixed_tables.mixed_table(80)
    parts: Any = {split: (table, mixed_tables.three_classes(table)) for split in SEEN}
    workspace = runs.workspace(tmp_path)
    prepared = preprocess(datasets.table_set(workspace.store, parts, 3), (), workspace.store)
    recipe = runs.tiny_recipe(
        data={"source": "memory"},
        model={"factory": "tasks.architectures:mlp", "arguments": {"width": 8, "depth": 1}},
        preprocess=[{"step": "one_hot"}],
        search={"space": {"preprocess.0.max_categories": {"integers": [1, 64]}}, "epochs": 1},
    )
    run = TrainingObjective(recipe, prepared, workspace.store.get_json(prepared.fitted))
    context = FakeTrialContext(workspace, tmp_path / "trial", dict(run.arrays(workspace.store)))
    point = {"preprocess.0.max_categories": 1}
    found, _, arrays = run.prepared_data(with_point(recipe, point), context)
    assert found.input_shape == (arrays["train_inputs"].shape[1],)
    assert found.input_shape < prepared.input_shape
    run(point, context)
    assert list(context.curve) == [1]


# --- stages of a population -----------------------------------------------------------------------------------

STAGED: dict[str, Any] = {
    "train": {"epochs": 6, "batch_size": 16, "schedule": "constant", "early_stopping": None},
    "search": {"algorithm": "pbt", "population": 2, "generations": 3, "space": SPACE},
}
FIRST: Point = {"train.learning_rate": 0.003, "train.epochs": 2}
SECOND = go_on(FIRST, 4, {"train.learning_rate": 0.02})
THIRD = go_on(SECOND, 6)


def test_a_stage_goes_on_from_the_one_before_it_and_ends_as_the_recipe_alone(tmp_path: Path) -> None:
    workspace = runs.workspace(tmp_path)
    run, shared = trial(workspace, **STAGED)
    curve: dict[int, float] = {}
    for point, own in ((FIRST, [1, 2]), (SECOND, [3, 4]), (THIRD, [5, 6])):
        context = FakeTrialContext(workspace, tmp_path / "trials" / digest_of(point), shared)
        run(point, context)
        assert list(context.curve) == own
        curve |= context.curve
    recipe = freeze_point(run.recipe, THIRD)
    assert Recipe.model_validate(yaml.safe_load(yaml.safe_dump(recipe.model_dump(mode="json")))) == recipe
    alone = dataclasses.replace(run, recipe=recipe)
    context = FakeTrialContext(workspace, tmp_path / "alone", shared)
    alone({}, context)
    assert context.curve == curve, "bit by bit"
    other = FakeTrialContext(workspace, tmp_path / "other", shared)
    alone({"train.changes": {}}, other)
    assert other.curve != curve, "the change matters"


def test_a_stage_whose_origin_is_lost_trains_it_again_and_reports_the_same(tmp_path: Path) -> None:
    workspace = runs.workspace(tmp_path)
    run, shared = trial(workspace, **STAGED)
    for point in (FIRST, SECOND):
        run(point, FakeTrialContext(workspace, tmp_path / "trials" / digest_of(point), shared))
    there, lost = (
        FakeTrialContext(workspace, tmp_path / name / digest_of(THIRD), shared) for name in ("trials", "elsewhere")
    )
    run(THIRD, there)
    run(THIRD, lost)
    assert lost.curve == there.curve


def test_a_killed_stage_goes_on_where_it_was(tmp_path: Path, trained: list[int]) -> None:
    workspace = runs.workspace(tmp_path)
    run, shared = trial(workspace, **STAGED)
    with pytest.raises(KeyboardInterrupt):
        run(SECOND, FakeTrialContext(workspace, tmp_path / "t", shared, dies_at=3))
    again, whole = (
        FakeTrialContext(workspace, tmp_path / "t", shared),
        FakeTrialContext(workspace, tmp_path / "whole", shared),
    )
    run(SECOND, again)
    assert trained == [1, 2, 3, 4], "its origin is lost; after its third epoch it went on with the fourth"
    run(SECOND, whole)
    assert list(again.curve) == [3, 4], "the third epoch may have been lost on its way"
    assert again.curve == whole.curve


def test_a_stage_that_diverges_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = runs.workspace(tmp_path)
    run, shared = trial(workspace, **STAGED)
    run(FIRST, FakeTrialContext(workspace, tmp_path / digest_of(FIRST), shared))
    monkeypatch.setattr(Trainer, "train_epoch", lambda self: None)
    with pytest.raises(Refusal, match="not finite in epoch 3"):
        run(SECOND, FakeTrialContext(workspace, tmp_path / digest_of(SECOND), shared))
