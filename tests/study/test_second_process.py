"""Two processes make the settings of a round, each setting once, and one of them goes on when the other has ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import datasets, studies

from flows.study.cells.second_process import claim, start_second_process
from flows.study.study_context import Study
from tasks.core import PlainRunner, Runner, Store, Workspace
from tasks.study.design import Cell

CELLS = tuple(Cell(f"setting {number}") for number in range(6))


@contextmanager
def plain_runner(workspace: Workspace) -> Iterator[Runner]:
    yield PlainRunner()


def write_process(cell: Cell, seed: int, study: Study) -> None:
    """Writes which process makes a cell, after a while, and fails at one of them."""
    with (study.job.context.workspace.home / f"{cell.name}, seed {seed}").open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(0.05)
    if cell.name == "setting 3":
        raise ValueError("this setting breaks")


def end_itself(cell: Cell, seed: int, study: Study) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def study_in(folder: Path) -> Study:
    store = Store(folder / "store")
    study = studies.study_of(datasets.prepared_squares(store), store)
    study.job.context.workspace.home.mkdir(parents=True, exist_ok=True)
    return study


def test_each_setting_is_made_by_one_of_two_processes(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    home = study.job.context.workspace.home
    with start_second_process(study, plain_runner, write_process) as second:
        while not list(home.glob("*, seed 0")):  # it needs a second until it can begin
            own = [cell.name for cell in waited(second.share(CELLS[:4], 0))]
        found = {place.name: place.read_text().split() for place in home.glob("*, seed 0")}
    assert own[0] == "setting 0"
    assert "setting 3, seed 0" in found
    assert all(len(made) == 1 and made != [str(os.getpid())] for made in found.values())
    assert {f"{name}, seed 0" for name in own}.isdisjoint(found)
    assert len(own) + len(found) == 4


def waited(cells: Iterator[Cell]) -> Iterator[Cell]:
    for cell in cells:
        time.sleep(0.5)
        yield cell


def test_when_the_second_process_ends_the_first_makes_the_rest(tmp_path: Path) -> None:
    with start_second_process(study_in(tmp_path), plain_runner, end_itself) as second:
        first = [cell.name for cell in CELLS]
        while len(first) == len(CELLS):  # it needs a second until it can begin
            first = [cell.name for cell in waited(second.share(CELLS, 0))]
        then = [cell.name for cell in second.share(CELLS, 1)]
    assert first == [cell.name for cell in CELLS[:-1]]
    assert then == [cell.name for cell in CELLS]


def test_a_place_is_claimed_once(tmp_path: Path) -> None:
    assert claim(tmp_path, 0)
    assert not claim(tmp_path, 0)
    assert not claim(tmp_path / "gone", 1)


def test_both_processes_have_half_of_the_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        with start_second_process(study_in(tmp_path), plain_runner, write_process):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)
