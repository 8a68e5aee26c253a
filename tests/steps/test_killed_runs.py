"""Killed runs: what holds no lock any more, and counts as running, has crashed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_HOME
from prefect.states import Running

from tasks.steps import killed_runs
from tasks.steps.killed_runs import mark_run, settle_killed_runs


@flow
def held() -> str:
    """A flow that says whether it would be taken for dead."""
    mark_run()
    return ", ".join(settle_killed_runs()) or "lives"


@pytest.fixture
def folder(prefect_server: None) -> Path:
    return Path(PREFECT_HOME.value()) / "running"


def test_a_run_that_lives_is_left_alone(folder: Path) -> None:
    assert held() == "lives"


def test_a_run_whose_process_is_gone_has_crashed(folder: Path) -> None:
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(held, name="lost", state=Running())
        place = folder / str(run.id)
        place.parent.mkdir(exist_ok=True)
        hold = f"import fcntl; fcntl.flock(open({str(place)!r}, 'a'), fcntl.LOCK_EX)"
        subprocess.run([sys.executable, "-c", hold], check=True)
        assert settle_killed_runs() == ["lost"]
        state = client.read_flow_run(run.id).state
        assert state is not None
        assert (state.name, state.message) == ("Crashed", killed_runs.MESSAGE)
    assert not place.exists()
    assert settle_killed_runs() == []


def test_a_run_of_another_server_is_left_alone(folder: Path) -> None:
    place = folder / "00000000-0000-4000-8000-000000000000"
    place.parent.mkdir(exist_ok=True)
    place.touch()
    assert settle_killed_runs() == []
    assert place.exists()
    place.unlink()
