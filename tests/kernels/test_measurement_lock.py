"""Work and measurements of several processes take turns, whatever happens to one of them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from tasks.kernels.host.measurement_lock import exclusive_use, shared_use

SECONDS = 60.0
"""What no step of these tests takes unless it hangs."""
SHORT = 0.05
"""Patience with what never ends."""

WORK = """
for _ in range(10**9):
    with shared_use(folder):
        say("[")
        time.sleep(0.02)
        say("]")
"""
REST = """
with shared_use(folder), shared_use(folder) as rest:
    for _ in range(10**9):
        say("[")
        time.sleep(0.02)
        say("]")
        rest()
"""
HANG = """
with {}(folder=folder):
    say("[")
    time.sleep(10**6)
"""
LATE = """
with shared_use(folder):
    say("L")
"""
MEASURE = """
for _ in range(6):
    with exclusive_use(folder=folder) as quiet:
        say("(" if quiet else "?")
        time.sleep(0.005)
        say(")")
"""
MEASURE_INSIDE = """
for _ in range(6):
    with shared_use(folder):
        say("[")
        say("]")
        with exclusive_use(folder=folder) as quiet:
            say("(" if quiet else "?")
            with shared_use(folder):
                say("-")
            say(")")
        say("[")
        say("]")
"""


@contextmanager
def process(code: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that writes what it does into `folder / "log"`, one letter each; it is killed at the end."""
    head = (
        "import os, sys, time\nfrom pathlib import Path\n"
        "from tasks.kernels.host.measurement_lock import exclusive_use, shared_use\n"
        "folder = Path(sys.argv[1])\nlog = os.open(folder / 'log', os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
        "def say(letter):\n    os.write(log, letter.encode())\n"
    )
    with subprocess.Popen([sys.executable, "-c", head + code, str(folder)]) as child:
        try:
            yield child
        finally:
            child.kill()


def log(folder: Path) -> str:
    path = folder / "log"
    return path.read_text() if path.exists() else ""


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def in_turns(said: str) -> bool:
    """Whether nothing is said inside a measurement but by the measurer, and none begins inside work."""
    at_work = measuring = 0
    for letter in said:
        if letter == "?" or (letter in "[](" and measuring) or (letter == "(" and at_work):
            return False
        at_work += {"[": 1, "]": -1}.get(letter, 0)
        measuring += {"(": 1, ")": -1}.get(letter, 0)
    return True


def ask_elsewhere(lock: Callable[[], AbstractContextManager[bool]]) -> bool:
    """What another thread's measurement answers."""
    heard = list[bool]()

    def ask() -> None:
        with lock() as quiet:
            heard.append(quiet)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(SECONDS)
    return heard[0]


def test_the_judge_of_these_tests() -> None:
    assert in_turns("[[]](-)[]()")
    assert not any(in_turns(said) for said in ("([])", "[()]", "(()", "[]?"))


def test_work_rests_while_a_measurement_runs(tmp_path: Path) -> None:
    """The batches of three workers overlap, so that no moment is quiet by itself; two only rest between theirs."""
    with process(WORK, tmp_path), process(REST, tmp_path), process(REST, tmp_path):
        wait_for(lambda: log(tmp_path).count("]") > 3)
        with exclusive_use(SECONDS, tmp_path) as quiet:
            before = log(tmp_path)
            time.sleep(0.2)
            assert quiet
            assert log(tmp_path) == before
            assert before.count("[") == before.count("]")
        wait_for(lambda: len(log(tmp_path)) > len(before) + 6)


def test_a_training_goes_on_while_a_measurement_waits_for_work_that_does_not_rest(tmp_path: Path) -> None:
    """The work that hangs stands for a long conversion; another begins only after the measurement."""
    with process(HANG.format("shared_use"), tmp_path) as long:
        wait_for(lambda: log(tmp_path) == "[")
        with process(REST, tmp_path):
            wait_for(lambda: log(tmp_path).count("]") > 5)
            answers = list[bool]()

            def measure() -> None:
                answers.append(ask_elsewhere(lambda: exclusive_use(SECONDS, tmp_path)))

            waiting = threading.Thread(target=measure)
            waiting.start()
            time.sleep(0.1)
            before = log(tmp_path).count("]")
            wait_for(lambda: log(tmp_path).count("]") > before + 20)
            with process(LATE, tmp_path):
                time.sleep(0.5)
                assert not answers
                assert "L" not in log(tmp_path), "new work begins after the measurement"
                long.kill()
                waiting.join(SECONDS)
                assert answers == [True]
                wait_for(lambda: "L" in log(tmp_path))


def test_measurements_come_one_after_the_other_and_inside_own_work(tmp_path: Path) -> None:
    codes = (MEASURE, MEASURE, MEASURE_INSIDE, MEASURE_INSIDE)
    with ExitStack() as running:
        running.enter_context(process(WORK, tmp_path))
        children = [running.enter_context(process(code, tmp_path)) for code in codes]
        assert [child.wait(SECONDS) for child in children] == [0, 0, 0, 0]
    said = log(tmp_path)
    assert said.count("(") == 24
    assert said.count("-") == 12
    assert in_turns(said)


@pytest.mark.parametrize("way", ["shared_use", "exclusive_use"])
def test_a_killed_process_leaves_nothing(tmp_path: Path, way: str) -> None:
    with process(HANG.format(way), tmp_path) as child:
        wait_for(lambda: log(tmp_path) == "[")
        with exclusive_use(SHORT, tmp_path) as quiet:
            assert not quiet
        child.kill()
        child.wait(SECONDS)
        with exclusive_use(SECONDS, tmp_path) as quiet:
            assert quiet


def test_when_patience_ends_work_and_measurements_go_on(tmp_path: Path) -> None:
    with process(HANG.format("shared_use"), tmp_path):
        wait_for(lambda: log(tmp_path) == "[")
        for _ in range(2):
            with exclusive_use(SHORT, tmp_path) as quiet:
                assert not quiet
            with shared_use(tmp_path), shared_use(tmp_path):
                pass


def test_only_the_outer_batch_counts(tmp_path: Path) -> None:
    with shared_use(tmp_path):
        with shared_use(tmp_path):
            pass
        assert not ask_elsewhere(lambda: exclusive_use(SHORT, tmp_path))
    assert ask_elsewhere(lambda: exclusive_use(SECONDS, tmp_path))


def test_work_is_taken_up_again_after_a_measurement_inside_it(tmp_path: Path) -> None:
    with shared_use(tmp_path):
        with exclusive_use(SECONDS, tmp_path) as quiet:
            assert quiet
            with exclusive_use(SECONDS, tmp_path) as inner, shared_use(tmp_path) as rest:
                assert inner
                time.sleep(0.02)
                rest()
            assert not ask_elsewhere(lambda: exclusive_use(SHORT, tmp_path))
        assert not ask_elsewhere(lambda: exclusive_use(SHORT, tmp_path))
    assert ask_elsewhere(lambda: exclusive_use(SECONDS, tmp_path))


def test_what_fails_inside_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), shared_use(tmp_path):
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), exclusive_use(SECONDS, tmp_path):
        raise ZeroDivisionError
    assert ask_elsewhere(lambda: exclusive_use(SECONDS, tmp_path))


def test_a_forked_child_does_not_hold_its_parents_locks(tmp_path: Path) -> None:
    code = f"""
with shared_use(folder):
    child = os.fork()
    if child == 0:
        with exclusive_use({SHORT}, folder) as quiet:
            say("(" if quiet else "?")
        os._exit(0)
    os.waitpid(child, 0)
    say("[")
    time.sleep(10**6)
"""
    with process(code, tmp_path):
        wait_for(lambda: log(tmp_path) == "?[")
        with exclusive_use(SHORT, tmp_path) as quiet:
            assert not quiet


def test_the_files_are_the_users_own(tmp_path: Path) -> None:
    with shared_use(tmp_path):
        pass
    names = ("busy", "door", "gate", "long")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"paredown-{os.getuid()}-{name}.lock" for name in names]
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())
