"""The runner of a flow: what comes from the store, what is shown of each step, and to whom."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from prefect import task
from prefect.client.schemas.objects import TaskRun
from rich.console import Console
from support import runs

from tasks.core import Context, PlainRunner, Runner, Update, Workspace
from tasks.steps import prefect_runner
from tasks.steps.caching import CACHED, OUTWARD
from tasks.steps.definitions import STEPS
from tasks.steps.prefect_runner import PrefectRunner

calls: list[str] = []
both = threading.Barrier(2, timeout=60)


def double(number: int, context: Context) -> int:
    calls.append(f"double {number}")
    context.progress(Update(1, 1, f"twice {number}"))
    return 2 * number


def write(number: int, place: str = "here") -> str:
    calls.append(f"write {number} {place}")
    return place


def count_together(name: str, context: Context) -> str:
    """Counts to three, each time at the same moment as the other."""
    for number in (1, 2, 3):
        both.wait()
        context.progress(Update(number, 3, f"{name} {number}"))
    both.wait()
    return name


@pytest.fixture(autouse=True)
def steps(prefect_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verbs of this module are steps, too."""
    calls.clear()
    for verb, policy in ((double, CACHED), (write, OUTWARD), (count_together, CACHED)):
        monkeypatch.setitem(STEPS, verb, task(**policy, name=verb.__name__)(verb))


def runner_of(workspace: Workspace, total: int = 0) -> tuple[PrefectRunner, io.StringIO]:
    shown = io.StringIO()
    return PrefectRunner(workspace, Console(file=shown, width=200), total), shown


def test_a_cached_step_is_a_line_and_comes_from_the_store_the_second_time(workspace: Workspace) -> None:
    runner, shown = runner_of(workspace, total=3)
    context = Context(workspace)
    assert runner.run("double it", double, 21, context) == 42
    assert runner.run("double it again", double, number=21, context=context) == 42, "named or not, the same"
    assert runner.run("double another", double, 4, context) == 8
    assert calls == ["double 21", "double 4"]
    assert (runner.done, runner.reused) == (3, ["double it again"])
    lines = shown.getvalue().splitlines()
    assert [line.rsplit(" ", 2)[0] for line in lines] == [
        "✓  1/3 double it twice 21",
        "✓  2/3 double it again from the store",
        "✓  3/3 double another twice 4",
    ]


def test_a_step_that_writes_to_a_server_is_done_each_time_and_has_no_line(workspace: Workspace) -> None:
    runner, shown = runner_of(workspace)
    assert [runner.run("write it", write, 1, place="there") for _ in range(2)] == ["there", "there"]
    assert calls == ["write 1 there"] * 2
    assert (runner.done, runner.reused, shown.getvalue()) == (0, [], "")


def test_a_task_run_is_named_by_its_label(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    def note(task: object, run: TaskRun, state: object) -> None:
        names.append(run.name)

    for verb in (double, write):
        monkeypatch.setitem(STEPS, verb, STEPS[verb].with_options(on_completion=[note]))
    runner, _ = runner_of(workspace)
    runner.run("narrow-int8: channels {sparsity} 0.5", double, 5, Context(workspace))
    runner.run("record narrow-int8", write, 1)
    assert names == ["narrow-int8: channels {sparsity} 0.5", "record narrow-int8"]


def test_without_prefect_every_verb_is_called(workspace: Workspace) -> None:
    runner: Runner = PlainRunner()
    assert [runner.run("double it", double, 21, Context(workspace)) for _ in range(2)] == [42, 42]
    assert runner.run("write it", write, 1) == "here"
    assert calls == ["double 21", "double 21", "write 1 here"]


def test_two_runners_in_one_process_do_not_hear_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_runner, "PATIENCE", 0)  # every update has a line
    texts: dict[str, io.StringIO] = {}
    answers: dict[str, str] = {}
    runners: dict[str, PrefectRunner] = {}

    def work(name: str) -> None:
        workspace = runs.workspace(tmp_path / name)
        runners[name], texts[name] = runner_of(workspace)
        answers[name] = runners[name].run(f"count {name}", count_together, name, Context(workspace))

    threads = [threading.Thread(target=work, args=(name,)) for name in ("left", "right")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert answers == {"left": "left", "right": "right"}
    for name, text in texts.items():
        *updates, last = text.getvalue().splitlines()
        assert updates == [f"  … count {name} {number}/3 {name} {number}" for number in (1, 2, 3)]
        assert last.rsplit(" ", 2)[0] == f"✓  1 count {name} {name} 3"
    assert [(runner.done, runner.reused) for runner in runners.values()] == [(1, []), (1, [])]


def test_a_runner_inside_a_step_of_another_keeps_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_runner, "PATIENCE", 0)
    inside, inner_text = runner_of(runs.workspace(tmp_path / "inside"))

    def outer(context: Context) -> int:
        context.progress(Update(1, 2, "before"))
        found = inside.run("double it", double, 3, Context(inside.workspace))
        context.progress(Update(2, 2, "after"))
        return found

    monkeypatch.setitem(STEPS, outer, task(**CACHED, name="outer")(outer))
    outside, outer_text = runner_of(runs.workspace(tmp_path / "outside"))
    assert outside.run("outer", outer, Context(outside.workspace)) == 6
    *updates, last = outer_text.getvalue().splitlines()
    assert updates == ["  … outer 1/2 before", "  … outer 2/2 after"]
    assert last.startswith("✓  1 outer after ")
    *updates, last = inner_text.getvalue().splitlines()
    assert updates == ["  … double it 1/1 twice 3"]
    assert last.startswith("✓  1 double it twice 3 ")
