"""The tuner: real searches by Ray Tune on trials that take no time."""

from __future__ import annotations

import gc
import json
import math
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks import tuning
from tasks.core import InputError, Refusal, Workspace
from tasks.core.env_defaults import apply_env_defaults
from tasks.search.objective import TrialContext
from tasks.search.results import COLD, KnownTrial, SearchProgress, SearchResult, SearchStart, Trial
from tasks.search.search_spec import Search
from tasks.search.space import Point
from tasks.tuning import TrialFunction, TrialSetup
from tasks.tuning.cluster import AS_RAY
from tasks.tuning.node_storage import TRIALS

pytestmark = [pytest.mark.usefixtures("cluster"), pytest.mark.e2e]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One Ray for all searches of this module, which is told of a GPU that no trial computes on."""
    import ray

    apply_env_defaults()
    ray.init(address="local", num_cpus=2, num_gpus=1, include_dashboard=False, **AS_RAY)
    yield
    ray.shutdown()


def search(**changes: Any) -> Search:
    """One worker at a time, because each takes seconds to start."""
    quick = {"algorithm": "random", "scheduler": "none", "trials": 3, "concurrency": 1}
    return Search.model_validate(quick | changes)


# A function inside a function travels to the workers by value: they need not find this module.
def parabola(epochs: int = 2) -> TrialFunction:
    """Best at x = 3; each epoch comes a little nearer."""

    def trial(point: Point, context: TrialContext) -> None:
        for epoch in range(1, epochs + 1):
            context.report(epoch, float(context.shared["offset"][0]) - (point["x"] - 3) ** 2 - 1 / epoch)

    return trial


def tune(
    trial: TrialFunction, spec: Search, folder: Path, *, epochs: int = 2, start: SearchStart = COLD, **more: Any
) -> SearchResult:
    home, setup = Workspace(folder / "home", "sqlite:///none"), TrialSetup(trial, {"offset": np.array([10.0])})
    return tuning.tune(setup, spec, home, folder / "search", epochs, start, **more)


def test_a_random_search_tries_the_recipe_s_own_point_first_and_finds_the_best(tmp_path: Path) -> None:
    heard: list[SearchProgress] = []
    ended: list[Trial] = []
    spec = search(space={"x": {"uniform": [-10, 10]}, "y": {"integers": [1, 2]}}, trials=4, concurrency=2)
    start = SearchStart(first=({"x": 3.0, "y": 2},))
    found = tune(parabola(), spec, tmp_path, start=start, on_progress=heard.append, on_trials=ended.extend)
    assert len(found.trials) == 4
    first = found.trials[0]
    assert (first.number, first.point, first.state) == (0, {"x": 3.0, "y": 2}, "finished")
    assert first.curve == ((1, 9.0), (2, 9.5))
    assert first.score == 9.5
    assert found.best == {"x": 3.0, "y": 2}, "no random point is nearer"
    assert all(-10 <= trial.point["x"] <= 10 and trial.point["y"] in (1, 2) for trial in found.trials)
    assert len({trial.point["x"] for trial in found.trials}) == 4
    assert heard[-1] == SearchProgress(0, 4, 0, 4, 9.5, None)
    assert max(each.running for each in heard) >= 1
    assert sorted(ended, key=lambda trial: trial.number) == list(found.trials), "each was told once"
    assert found.broken == ""


def test_a_grid_tries_every_combination_once(tmp_path: Path) -> None:
    spec = search(algorithm="grid", space={"x": {"choice": [1, 3]}, "kind": {"choice": ["a", "b"]}})
    found = tune(parabola(), spec, tmp_path)
    assert [(trial.point["x"], trial.point["kind"]) for trial in found.trials] == [
        (1, "a"),
        (1, "b"),
        (3, "a"),
        (3, "b"),
    ]
    assert found.best == {"x": 3, "kind": "a"}, "between equals the earlier one"


@pytest.mark.parametrize("scheduler", ["asha", "median", "hyperband"])
def test_schedulers_stop_what_is_behind(tmp_path: Path, scheduler: str) -> None:
    def trial(point: Point, context: TrialContext) -> None:
        for epoch in range(1, 10):
            context.report(epoch, point["score"])
        context.answer({"came": "to its end"})

    spec = search(scheduler=scheduler, trials=7, space={"score": {"uniform": [0, 1]}})
    first = tuple({"score": score} for score in (0.8, 0.81, 0.82, 0.83, 0.1, 0.84, 0.85))
    found = tune(trial, spec, tmp_path, start=SearchStart(first), epochs=9)
    assert [each.state for each in found.trials] == ["stopped early" if n == 4 else "finished" for n in range(7)]
    assert found.trials[4].curve == ((1, 0.1),)
    assert all(len(each.curve) == 9 and each.answer for each in found.trials if each.number != 4)


def test_trials_that_fail_are_told_run_once_and_passed_over(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()

    def trial(point: Point, context: TrialContext) -> None:
        (begun / f"{point['x']}-{time.monotonic_ns()}").touch()
        if point["x"] == 0:
            raise MemoryError("before the first epoch,\n  in two lines")
        if point["x"] == 3:
            return
        if point["x"] == 4:
            raise Refusal("layer c1 cannot be cut")
        context.report(1, float(point["x"]))
        if point["x"] == 2:
            raise RuntimeError("after it")
        context.report(2, math.nan)

    spec = search(algorithm="grid", space={"x": {"choice": [0, 1, 2, 3, 4]}})
    found = tune(trial, spec, tmp_path)
    assert [(each.state, each.score, each.reason) for each in found.trials] == [
        ("failed", None, "MemoryError: before the first epoch, in two lines"),
        ("finished", 1.0, ""),
        ("failed", 2.0, "RuntimeError: after it"),
        ("failed", None, "it reported no score"),
        ("failed", None, "layer c1 cannot be cut"),
    ]
    assert found.best == {"x": 2}, "what it scored before it failed counts"
    assert len(list(begun.iterdir())) == 5


def test_a_trial_whose_worker_dies_is_started_anew_where_it_was(tmp_path: Path) -> None:
    def trial(point: Point, context: TrialContext) -> None:
        mark = context.folder / "epoch"
        done = int(mark.read_text()) if mark.exists() else 0
        for epoch in range(done + 1, 4):
            mark.write_text(str(epoch))
            context.report(epoch, float(epoch) + point["x"])
            if epoch == 2 and point["x"] == 1:
                os._exit(1)
            if point["x"] == 2:
                os._exit(1)

    def starts_and_dies(point: Point, context: TrialContext) -> None:
        if point["x"] == 2:
            os._exit(1)
        trial(point, context)

    spec = search(algorithm="grid", space={"x": {"choice": [1, 2]}})
    found = tune(starts_and_dies, spec, tmp_path, epochs=3)
    lost, dead = found.trials
    assert (lost.state, [epoch for epoch, _ in lost.curve], lost.score) == ("finished", [1, 2, 3], 4.0)
    assert (dead.state, dead.score) == ("failed", None)
    assert dead.reason.startswith("its worker was lost each time it was started (")


def test_an_epoch_whose_report_died_with_its_worker_is_in_the_curve(tmp_path: Path) -> None:
    """The first start is killed at its third epoch: after `reports.json` was written and before the report was sent."""

    def trial(point: Point, context: TrialContext) -> None:
        checkpoint, starts = context.folder / "epoch", tmp_path / "starts"
        is_first, done = not starts.exists(), int(checkpoint.read_text()) if checkpoint.exists() else 0
        with starts.open("a") as stream:
            stream.write(f"{done} {sorted(context.curve)}\n")
        send = context._send  # type: ignore[attr-defined]

        def send_unless_killed(*message: Any, **more: Any) -> None:
            if is_first and 3 in context.curve:
                os.kill(os.getpid(), signal.SIGKILL)
            send(*message, **more)

        context._send = send_unless_killed  # type: ignore[attr-defined]
        for epoch in range(done + 1, 6):
            checkpoint.write_text(str(epoch))
            context.report(epoch, -abs(epoch - 3.0), {"drop": float(epoch)})

    found = tune(trial, search(algorithm="grid", space={"x": {"choice": [1]}}), tmp_path, epochs=5)
    assert (tmp_path / "starts").read_text().splitlines() == ["0 []", "3 [1, 2, 3]"], "it went on at epoch 4"
    events = [json.loads(line) for line in (tmp_path / "search" / "history.jsonl").read_text().splitlines()]
    heard = [event for event in events if event["event"] == "heard"]
    assert [event["epoch"] for event in heard] == [1, 2, 4, 5, 5], "the third was never sent by itself"
    (lost,) = found.trials
    assert lost.curve == ((1, -2.0), (2, -1.0), (3, 0.0), (4, -1.0), (5, -2.0))
    assert (lost.state, lost.reason, lost.score, lost.measured) == ("finished", "", 0.0, {"drop": 3.0})


def test_a_search_in_which_all_fail_ends_with_nothing_but_ends(tmp_path: Path) -> None:
    def trial(point: Point, context: TrialContext) -> None:
        raise ValueError("never")

    found = tune(trial, search(algorithm="tpe", trials=2, space={"x": {"uniform": [0, 1]}}), tmp_path)
    assert found.best == {}
    assert [each.state for each in found.trials] == ["failed", "failed"]


def test_a_trial_has_its_own_folder_threads_arrays_and_numbers(tmp_path: Path) -> None:
    working_directory = Path.cwd()

    def trial(point: Point, context: TrialContext) -> None:
        import torch

        measured = {
            "threads": torch.get_num_threads(),
            "writable": context.shared["offset"].flags.writeable,
            "empty": not list(context.folder.iterdir()),
            "in the home": Path(context.folder).parent == tmp_path / "search" / "trials",
            "same store": context.workspace.home == tmp_path / "home",
            "gpu": context.workspace.device == "cuda",
            "visible": os.environ.get("CUDA_VISIBLE_DEVICES") == "0",
            "moved": Path.cwd() != working_directory,
        }
        (context.folder / "checkpoint").write_text("x")
        context.report(1, 0.5, {**measured, "drop": 0.25})
        context.report(2, 0.25, {"drop": 0.5})
        context.answer({"stages": [["int8", {"digest": "d"}]]})

    spec = search(trials=2, resources={"cpus": 2, "gpus": 0.5}, space={"x": {"uniform": [0, 1]}})
    found = tune(trial, spec, tmp_path)
    same = {"writable": 0, "empty": 1, "in the home": 1, "same store": 1, "moved": 0, "drop": 0.25}
    for each in found.trials:
        assert each.measured == {"threads": 2, "gpu": 1, "visible": 1} | same
        assert each.answer == {"stages": [["int8", {"digest": "d"}]]}
    assert list((tmp_path / "search" / TRIALS).iterdir()) == [], "nobody needs a folder whose trial has ended"


def test_time_alone_can_limit_a_search(tmp_path: Path) -> None:
    def trial(point: Point, context: TrialContext) -> None:
        for epoch in range(1, 100):
            time.sleep(0.05)
            context.report(epoch, point["x"])

    heard: list[SearchProgress] = []
    spec = search(trials=None, minutes=0.05, space={"x": {"uniform": [0, 1]}})
    assert spec.count is None
    found = tune(trial, spec, tmp_path, epochs=100, on_progress=heard.append)
    assert found.trials
    assert "stopped early" in {each.state for each in found.trials}
    assert heard[-1].total is None
    assert heard[-1].seconds_left is not None
    assert 0 <= heard[-1].seconds_left < 3
    again = tune(trial, spec, tmp_path, epochs=100)
    assert again == found, "its time is spent"


def test_what_breaks_a_search_leaves_what_it_found(tmp_path: Path) -> None:
    def break_at(count: int) -> Any:
        def listen(progress: SearchProgress) -> None:
            if progress.done == count:
                raise OSError("the disk is full")

        return listen

    spec = search(algorithm="tpe", trials=5, space={"x": {"uniform": [-10, 10]}})
    with pytest.raises(OSError, match="disk"):
        tune(parabola(), spec, tmp_path / "early", on_progress=break_at(0))
    found = tune(parabola(), spec, tmp_path / "late", on_progress=break_at(2))
    assert found.broken == "OSError: the disk is full"
    assert found.best in [each.point for each in found.trials[:2]]
    ended: list[Trial] = []
    rest = tune(parabola(), spec, tmp_path / "late", on_trials=ended.extend)
    assert rest.trials[:2] == found.trials[:2], "it goes on where it was"
    assert tuple(ended) == rest.trials, "who listens anew hears of all"
    assert (len(rest.trials), rest.broken) == (5, "")


def test_an_interrupt_reaches_the_caller(tmp_path: Path) -> None:
    def interrupt(progress: SearchProgress) -> None:
        if progress.done == 1:
            raise KeyboardInterrupt

    spec = search(space={"x": {"uniform": [0, 1]}})
    interrupted = False
    try:
        tune(parabola(), spec, tmp_path, on_progress=interrupt)
    except KeyboardInterrupt:
        interrupted = True
    assert interrupted
    gc.collect()  # this module's Ray stays up, and what the interrupt left in it goes with the last reference
    assert len(tune(parabola(), spec, tmp_path).trials) == 3


def test_known_trials_are_not_run(tmp_path: Path) -> None:
    spec = search(algorithm="tpe", trials=3, space={"x": {"choice": [1, 2, 3]}})
    found = tune(
        parabola(), spec, tmp_path, start=SearchStart(known=(KnownTrial({"x": 1}, 0.0), KnownTrial({"x": 2}, 0.5)))
    )
    assert [each.point for each in found.trials] == [{"x": 3}]


def test_what_cannot_be_run_is_refused_before_anything_is(tmp_path: Path) -> None:
    space = {"x": {"uniform": [0, 1]}}
    with pytest.raises(InputError, match="no more than one node has"):
        tune(parabola(), search(space=space, resources={"gpus": 2}), tmp_path)


# --- a population ---------------------------------------------------------------------------------------------

RATE = "train.learning_rate"


def ideal_rates() -> TrialFunction:
    """A stage of a training whose best rate is 0.1 in the first two epochs and 0.01 after them; each epoch scores the
    worse, the farther all rates until then were from the best."""

    def trial(point: Point, context: TrialContext) -> None:
        from tasks.tuning.pbt_stages import ends, origin, values_of

        before = origin(point, ends(6, 3))
        came_from = context.folder_of(before) / "lost" if before else None
        lost = json.loads(came_from.read_text()) if came_from else [0.0]
        for epoch in range(len(lost), point["train.epochs"] + 1):
            distance = abs(math.log10(values_of(point)["train.learning_rate"] / (0.1 if epoch <= 2 else 0.01)))
            lost.append(lost[-1] + distance)
            (context.folder / "lost").write_text(json.dumps(lost))
            context.report(epoch, -lost[-1])

    return trial


def schedules(**changes: Any) -> Search:
    space = {RATE: {"loguniform": [0.001, 1.0]}}
    return search(algorithm="pbt", scheduler="asha", population=4, generations=3, trials=None, space=space, **changes)


def test_a_population_goes_on_from_its_best_and_an_interrupted_one_alike(tmp_path: Path) -> None:
    def fail_at_six(progress: SearchProgress) -> None:
        if progress.done == 6:
            raise OSError("the disk is full")

    begun: dict[str, Any] = {"epochs": 6, "start": SearchStart(first=({RATE: 0.1},))}
    found = tune(ideal_rates(), schedules(concurrency=2), tmp_path / "whole", **begun)
    assert found.broken == ""
    assert {each.state for each in found.trials} == {"finished"}
    curves = [[epoch for epoch, _ in each.curve] for each in found.trials]
    assert curves == [[1, 2]] * 4 + [[3, 4]] * 4 + [[5, 6]] * 4, "each stage trains its own epochs"
    assert found.trials[0].score == 0, "the recipe's own rate is ideal at first"
    assert found.trials[4].point == {RATE: 0.1, "train.epochs": 4}
    assert any("train.changes" in each.point for each in found.trials[4:8])
    assert list((tmp_path / "whole" / "search" / TRIALS).iterdir()) == [], "nobody needs a checkpoint any more"

    broken = tune(ideal_rates(), schedules(), tmp_path / "cut", **begun, on_progress=fail_at_six)
    assert broken.broken == "OSError: the disk is full"
    kept = len(list((tmp_path / "cut" / "search" / TRIALS).iterdir()))
    assert kept >= 6, "the first generation's, as long as the second goes on from them"
    rest = tune(ideal_rates(), schedules(), tmp_path / "cut", **begun)
    assert [each.point for each in rest.trials] == [each.point for each in found.trials]
    assert [each.score for each in rest.trials] == [each.score for each in found.trials]


def test_a_population_in_which_all_fail_ends(tmp_path: Path) -> None:
    def trial(point: Point, context: TrialContext) -> None:
        raise Refusal("it diverges")

    found = tune(trial, schedules(), tmp_path, epochs=6)
    assert [each.reason for each in found.trials] == ["it diverges"] * 4
    assert found.best == {}
