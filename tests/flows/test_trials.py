"""Trials: the training at one point of a search, at a desk of its own, without Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_runs
from small_desk import Desk

from flows.trials import TrainingTrial
from flows.weighing import best_of
from tasks import evaluation
from tasks.artifacts import Workspace
from tasks.spaces import Point
from tasks.tuning import Trial

SPACE = {"train.learning_rate": {"loguniform": [1e-3, 1e-1]}}


def trial(workspace: Workspace, **changes: Any) -> tuple[TrainingTrial, dict[str, np.ndarray]]:
    recipe = small_runs.tiny_recipe(
        data={"source": "memory"},
        model={"factory": "tasks.architectures:mlp", "arguments": {"width": 8, "depth": 1}},
        **{"train": {"epochs": 4, "batch_size": 16}, **changes},
    )
    prepared = small_runs.prepared_squares(workspace.store)
    run = TrainingTrial(recipe, prepared, workspace.store.get_json(prepared.fitted))
    shared = dict(run.arrays(workspace.store))
    for array in shared.values():
        array.flags.writeable = False  # as Ray maps them
    return run, shared


def ran(folder: Path, point: Point, **changes: Any) -> Desk:
    workspace = small_runs.workspace(folder)
    run, shared = trial(workspace, **changes)
    desk = Desk(workspace, folder / "trial", shared)
    run(point, desk)  # type: ignore[arg-type]
    return desk


def test_a_trial_reports_every_epoch_with_a_score(tmp_path: Path) -> None:
    desk = ran(tmp_path, {"train.learning_rate": 0.01})
    assert list(desk.curve) == [1, 2, 3, 4]
    assert all(0 <= score <= 1 for score in desk.curve.values())


def test_a_killed_trial_goes_on_from_its_checkpoint_and_ends_alike(tmp_path: Path) -> None:
    point = {"train.learning_rate": 0.01}
    whole = ran(tmp_path / "whole", point).curve
    workspace = small_runs.workspace(tmp_path)
    run, shared = trial(workspace)
    with pytest.raises(KeyboardInterrupt):
        run(point, Desk(workspace, tmp_path / "trial", shared, dies_at=2))  # type: ignore[arg-type]
    again = Desk(workspace, tmp_path / "trial", shared)
    run(point, again)  # type: ignore[arg-type]
    assert list(again.curve)[:2] == [3, 4], "training went on after epoch 2"
    assert dict(sorted(again.curve.items())) == whole, "and what may have been lost on its way is told again"


def test_a_trial_trains_no_longer_than_the_search_allows(tmp_path: Path) -> None:
    assert list(ran(tmp_path, {}, search={"space": SPACE, "epochs": 2}).curve) == [1, 2]


def test_a_loss_is_reported_with_its_sign_turned(tmp_path: Path) -> None:
    scores = list(ran(tmp_path, {}, goal={"metric": "log_loss"}).curve.values())
    assert all(score < 0 for score in scores)
    assert scores[-1] > scores[0], "higher is better"


def test_scores_can_be_compared_unless_what_is_not_searched_differs(tmp_path: Path) -> None:
    workspace = small_runs.workspace(tmp_path)

    def identity(**changes: Any) -> str:
        return trial(workspace, **changes)[0].identity

    one = identity(search={"space": SPACE, "trials": 3})
    assert one == identity(search={"space": SPACE, "trials": 9, "algorithm": "random"}), "how it goes about it"
    assert one == identity(search={"space": SPACE}, train={"epochs": 4, "batch_size": 16, "learning_rate": 0.5})
    assert one != identity(search={"space": SPACE, "epochs": 2})
    assert one != identity(search={"space": SPACE}, train={"epochs": 5, "batch_size": 16})
    assert one != identity(search={"space": SPACE}, goal={"metric": "log_loss"})


def test_a_score_has_its_metric_beside_it(tmp_path: Path) -> None:
    run, _ = trial(small_runs.workspace(tmp_path), goal={"metric": "log_loss"})
    assert run.words(-0.25) == "log_loss 0.2500"


def test_what_a_file_costs_is_measured_before_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "SECONDS", 0.05)
    desk = ran(tmp_path, {}, search={"space": SPACE, "epochs": 1, "minimize": "bytes"})
    (measured,) = desk.measured
    assert measured["bytes"] == (desk.folder / "untrained.onnx").stat().st_size
    assert measured["latency_ms"] > 0


def test_a_network_beyond_the_limits_is_not_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "SECONDS", 0.05)
    goal = {"limits": {"bytes": 1000}}
    desk = ran(tmp_path, {}, search={"space": SPACE, "epochs": 1}, goal=goal)
    over = desk.measured[0]["bytes"] / 1000 - 1
    assert over > 0
    assert desk.curve == {1: pytest.approx(-1e6 * (1 + over))}
    run, _ = trial(small_runs.workspace(tmp_path), search={"space": SPACE}, goal=goal)
    assert run.words(desk.curve[1]) == f"beyond the limits by {over:.0%}"
    assert run.needs() == (run.prepared.dataset.splits["validation"].inputs,)


def tried(number: int, score: float | None, **measured: float) -> Trial:
    return Trial(number, {"n": number}, score, ((1, score or 0.0),), "finished", 1.0, measured)


def test_of_those_that_are_as_good_the_least_one_is_taken() -> None:
    trials = [tried(0, 0.90, bytes=9), tried(1, 0.895, bytes=5), tried(2, 0.88, bytes=1), tried(3, None, bytes=0)]
    assert best_of(trials, "bytes", 0.01) == {"n": 1}
    assert best_of(trials, "bytes", 0.05) == {"n": 2}
    assert best_of(trials, None, 0.05) == {"n": 0}
    assert best_of([tried(0, 0.5)], "latency", 0.01) == {"n": 0}, "nothing was weighed"
    assert best_of([], "bytes", 0.01) == {}
