"""Tuning: real searches by Ray Tune on trials that take no time, and one whose driver is killed."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks import tuning
from tasks.spaces import Choice, Integers, LogUniform, Point, Search, Uniform, corner_points
from tasks.tuning import Progress, Report, Trial, Tuned, best_point


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One Ray for all searches of this module."""
    import ray

    tuning.connect()
    yield
    ray.shutdown()


def search(**changes: Any) -> Search:
    return Search.model_validate({"algorithm": "random", "scheduler": "none", "trials": 3, **changes})


# A function inside a function travels to the workers by value: they need not find this module.
def parabola(epochs: int = 2) -> Callable[[Point, Any, Report, Path], None]:
    """Best at x = 3; each epoch comes a little nearer."""

    def trial(point: Point, shared: Any, report: Report, checkpoint: Path) -> None:
        for epoch in range(1, epochs + 1):
            report(epoch, float(shared["offset"][0]) - (point["x"] - 3) ** 2 - 1 / epoch)

    return trial


def tune(
    trial: Any, spec: Search, folder: Path, *, first: Point | None = None, epochs: int = 2, hear: Any = None
) -> Tuned:
    return tuning.tune(trial, spec, {"offset": np.array([10.0])}, folder, epochs, first, hear)


# --- searches -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("cluster")
def test_a_random_search_tries_the_recipe_s_own_point_first_and_finds_the_best(tmp_path: Path) -> None:
    heard: list[Progress] = []
    spec = search(space={"x": {"uniform": [-10, 10]}, "y": {"integers": [1, 2]}}, trials=4)
    found = tune(parabola(), spec, tmp_path, first={"x": 3.0, "y": 2}, hear=heard.append)
    assert len(found.trials) == 4
    first = found.trials[0]
    assert (first.number, first.point, first.state) == (0, {"x": 3.0, "y": 2}, "finished")
    assert first.curve == ((1, 9.0), (2, 9.5))
    assert first.score == 9.5
    assert found.best == {"x": 3.0, "y": 2}, "no random point is nearer"
    assert all(-10 <= trial.point["x"] <= 10 and trial.point["y"] in (1, 2) for trial in found.trials)
    assert len({trial.point["x"] for trial in found.trials}) == 4
    assert heard[-1].total == 4
    assert heard[-1].best == 9.5
    assert max(each.done for each in heard) >= 3
    assert tuning.listeners == []


@pytest.mark.usefixtures("cluster")
def test_a_grid_tries_every_combination_once(tmp_path: Path) -> None:
    spec = search(algorithm="grid", space={"x": {"choice": [1, 3]}, "kind": {"choice": ["a", "b"]}})
    assert spec.count == 4
    found = tune(parabola(), spec, tmp_path)
    points = [(trial.point["x"], trial.point["kind"]) for trial in found.trials]
    assert sorted(points) == [(1, "a"), (1, "b"), (3, "a"), (3, "b")]
    assert found.best["x"] == 3
    ties = [trial for trial in found.trials if trial.point["x"] == 3]
    assert found.best == ties[0].point, "between equals the earlier one"


@pytest.mark.usefixtures("cluster")
def test_tpe_with_asha_stops_what_is_behind(tmp_path: Path) -> None:
    def trial(point: Point, shared: Any, report: Report, checkpoint: Path) -> None:
        for epoch in range(1, 9):
            time.sleep(0.0 if point["good"] else 0.6)  # the good one is ahead when the bad one reports
            report(epoch, 0.9 if point["good"] else 0.1)

    spec = search(algorithm="tpe", scheduler="asha", trials=3, space={"good": {"choice": [True, False]}}, seed=1)
    found = tune(trial, spec, tmp_path, first={"good": True}, epochs=8)
    assert found.best == {"good": True}
    assert found.trials[0].state == "finished"
    assert len(found.trials[0].curve) == 8
    bad = [each for each in found.trials if not each.point["good"]]
    assert all(each.state == "stopped early" and len(each.curve) < 8 for each in bad)
    assert all(each.score == 0.1 for each in bad)


@pytest.mark.usefixtures("cluster")
def test_trials_that_fail_are_told_and_passed_over(tmp_path: Path) -> None:
    def trial(point: Point, shared: Any, report: Report, checkpoint: Path) -> None:
        if point["x"] == 0:
            raise MemoryError("before the first epoch")
        report(1, float(point["x"]))
        if point["x"] == 2:
            raise RuntimeError("after it")
        report(2, math.nan)

    spec = search(algorithm="grid", space={"x": {"choice": [0, 1, 2]}})
    found = tune(trial, spec, tmp_path)
    told = {each.point["x"]: (each.state, each.score) for each in found.trials}
    assert told[0] == ("failed", None)
    assert told[1] == ("finished", 1.0), "what is no number is no score"
    assert told[2] == ("failed", 2.0), "what it scored before it failed counts"
    assert found.best == {"x": 2}


@pytest.mark.usefixtures("cluster")
def test_a_search_in_which_all_fail_ends_with_nothing_but_ends(tmp_path: Path) -> None:
    def trial(point: Point, shared: Any, report: Report, checkpoint: Path) -> None:
        raise ValueError("never")

    found = tune(trial, search(algorithm="tpe", trials=2, space={"x": {"uniform": [0, 1]}}), tmp_path)
    assert found.best == {}
    assert [each.state for each in found.trials] == ["failed", "failed"]
    assert all(0 <= each.point["x"] <= 1 for each in found.trials)


@pytest.mark.usefixtures("cluster")
def test_the_seed_decides_the_points_and_every_trial_has_a_file_of_its_own(tmp_path: Path) -> None:
    def trial(point: Point, shared: Any, report: Report, checkpoint: Path) -> None:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.write_text("x")
        report(1, point["x"])

    def points(name: str) -> list[float]:
        spec = search(space={"x": {"loguniform": [1e-4, 1]}}, seed=5, trials=2)
        found = tune(trial, spec, tmp_path / name, epochs=1).trials
        assert len(list((tmp_path / name / "trials").iterdir())) == 2
        return sorted(each.point["x"] for each in found)

    assert points("a") == points("b")


# --- a killed driver ------------------------------------------------------------------------------------------

DRIVER = """
import sys, time, uuid
from pathlib import Path
from tasks import spaces, tuning

folder = Path(sys.argv[1])
(folder / "begun").mkdir(parents=True, exist_ok=True)
(folder / "done").mkdir(exist_ok=True)

def trial(point, shared, report, checkpoint):
    (folder / "begun" / f"{point['x']}-{uuid.uuid4()}").touch()
    for epoch in (1, 2):
        time.sleep(0.7)
        report(epoch, float(point["x"]))
    (folder / "done" / f"{point['x']}-{uuid.uuid4()}").touch()

space = {"x": spaces.Choice(choice=tuple(range(8)))}
search = spaces.Search(algorithm="grid", scheduler="none", space=space)
found = tuning.tune(trial, search, None, folder / "search", 2)
assert [each.state for each in found.trials] == ["finished"] * 8, found
assert sorted(each.point["x"] for each in found.trials) == list(range(8)), found
print("best", found.best)
"""


def finished(folder: Path) -> dict[int, float]:
    """Trials that came to their end, and when."""
    files = (folder / "done").glob("*") if (folder / "done").is_dir() else ()
    return {int(file.name.split("-")[0]): file.stat().st_mtime for file in files}


def test_a_search_whose_driver_was_killed_does_not_run_finished_trials_again(tmp_path: Path) -> None:
    script, folder = tmp_path / "driver.py", tmp_path / "work"
    script.write_text(DRIVER)
    environment = {**os.environ, "TUNE_GLOBAL_CHECKPOINT_S": "1"}
    command = [sys.executable, str(script), str(folder)]
    driver = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        # Ray writes down the state of the search every so often; what ended shortly before may be run again.
        while sum(time.time() - when > 3 for when in finished(folder).values()) < 2:
            assert driver.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    killed = time.time()
    safe = {x for x, when in finished(folder).items() if killed - when > 3}
    assert len(safe) < 8, "the search was still under way"
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert again.returncode == 0, again.stderr[-2000:]
    assert again.stdout.splitlines()[-1] == "best {'x': 7}"
    begun = [int(file.name.split("-")[0]) for file in (folder / "begun").iterdir()]
    assert set(begun) == set(range(8))
    assert {x for x in safe if begun.count(x) > 1} == set()


# --- without Ray ----------------------------------------------------------------------------------------------


def trial_of(number: int, score: float | None) -> Trial:
    return Trial(number, {"n": number}, score, (), "finished", 1.0)


def test_the_best_point_worked_by_hand() -> None:
    scored = tuple(trial_of(number, score) for number, score in enumerate((None, 0.5, 0.7, 0.7, 0.1)))
    assert best_point(scored) == {"n": 2}
    assert best_point((trial_of(0, -5.0), trial_of(1, -4.0))) == {"n": 1}
    assert best_point((trial_of(0, None),)) == {}
    assert best_point(()) == {}


def test_both_ends_of_every_domain_are_tried_before_anything_runs() -> None:
    spec = search(space={"a": {"uniform": [0, 1]}, "b": {"choice": ["x", "y", "z"]}, "c": {"integers": [2, 5]}})
    assert corner_points(spec) == [
        {"a": 0, "b": "x", "c": 2},
        {"a": 1, "b": "y", "c": 5},
        {"a": 1, "b": "z", "c": 5},
    ]


def test_domains_are_told_apart_by_their_key() -> None:
    spec = search(
        space={
            "a": {"uniform": [0, 1]},
            "b": {"loguniform": [0.1, 1]},
            "c": {"integers": [1, 3]},
            "d": {"choice": [1]},
        }
    )
    kinds = (Uniform, LogUniform, Integers, Choice)
    assert tuple(map(type, spec.space.values())) == kinds


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": {"a": {"uniform": [1, 1]}}}, "first number must be below the second"),
        ({"space": {"a": {"loguniform": [0, 1]}}}, "greater than 0"),
        ({"space": {"a": {"choice": []}}}, "at least 1 item"),
        ({"space": {}}, "at least 1 item"),
        ({"space": {"a": {"integers": [1.5, 3]}}}, "integer"),
        ({"space": {"a": {"choice": [1]}}, "trials": 0}, "greater than or equal to 1"),
        ({"space": {"a": {"uniform": [0, 1]}}, "algorithm": "grid"}, "must be a choice, since .*algorithm is grid"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search(**changes)


def test_a_grid_counts_its_combinations() -> None:
    space = {"a": {"choice": [1, 2, 3]}, "b": {"choice": ["x", "y"]}}
    assert search(algorithm="grid", space=space, trials=99).count == 6
    assert search(algorithm="random", space=space, trials=99).count == 99
