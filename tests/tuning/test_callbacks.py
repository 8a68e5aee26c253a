"""Callbacks: a driver is killed in the middle of a search; the next one goes on with the same trials and sampler."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tasks.search.search_spec import Search
from tasks.search.space import Point
from tasks.tuning.samplers import Sampler

DRIVER = """
import json, sys, time, uuid
from pathlib import Path
from tasks import tuning
from tasks.core import Workspace
from tasks.search.search_spec import Search

folder = Path(sys.argv[1])
search = Search.model_validate_json(sys.argv[2])
(folder / "begun").mkdir(parents=True, exist_ok=True)

def trial(point, context):
    mark = context.folder / "epoch"
    done = int(mark.read_text()) if mark.exists() else 0
    (folder / "begun" / f"{point['x']} {done} {uuid.uuid4()}").touch()
    for epoch in range(done + 1, 4):
        time.sleep(0.3)
        context.report(epoch, float(point["x"]))
        mark.write_text(str(epoch))

home = Workspace(folder / "home", "sqlite:///none")
found = tuning.tune(tuning.TrialSetup(trial), search, home, folder / "search", 3)
assert [each.state for each in found.trials] == ["finished"] * 8, found
assert [[epoch for epoch, _ in each.curve] for each in found.trials] == [[1, 2, 3]] * 8, found
print(json.dumps([found.best, [each.point for each in found.trials]]))
"""

SEARCHES: dict[str, dict[str, Any]] = {
    "grid": {"algorithm": "grid", "space": {"x": {"choice": list(range(8))}}},
    "tpe": {"algorithm": "tpe", "concurrency": 1, "trials": 8, "space": {"x": {"uniform": [0, 1]}}},
}


def ended(folder: Path) -> set[float]:
    """The values of trials that ended, by the search's journal."""
    file = folder / "search" / "history.jsonl"
    events = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    values = [event["point"]["x"] for event in events if event["event"] == "asked"]
    return {values[event["number"]] for event in events if event["event"] == "ended"}


def uninterrupted(search: Search) -> list[Point]:
    """The points of the search, one trial at a time."""
    sampler, points = Sampler(search), []
    for number in range(8):
        point = sampler.ask()
        assert point is not None
        points.append(point)
        sampler.tell(number, float(point["x"]), {})
    return points


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["grid", "tpe"])
def test_a_search_whose_driver_was_killed_goes_on_where_it_was(tmp_path: Path, name: str) -> None:
    search = Search.model_validate({"scheduler": "none", **SEARCHES[name]})
    script, folder = tmp_path / "driver.py", tmp_path / "work"
    script.write_text(DRIVER)
    command = [sys.executable, str(script), str(folder), search.model_dump_json()]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    driver = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while len(ended(folder)) < 3 or len(list((folder / "begun").iterdir())) < 4:
            assert driver.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    safe = ended(folder)
    assert len(safe) < 8, "the search was still under way"
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert again.returncode == 0, again.stderr[-2000:]
    best, points = json.loads(again.stdout.splitlines()[-1])
    assert points == uninterrupted(search), "the sampler knew what it had known"
    assert best == max(points, key=lambda point: point["x"])
    begun = [file.name.split()[0] for file in (folder / "begun").iterdir()]
    assert len(set(begun)) == 8
    assert {value for value in safe if begun.count(str(value)) > 1} == set(), "nothing that ended is run again"
