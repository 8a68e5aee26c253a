"""`paredown serve` as a process: its example works, `paredown monitor` reads what it was asked, and Ctrl-C ends it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from support.servers import paredown
from support.watched_champions import club_recipe, members, register_champion

from tasks.core import Workspace

pytestmark = pytest.mark.e2e


def ask(address: str, content: str) -> dict[str, Any]:
    request = urllib.request.Request(address, content.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a recipe has a champion in the home."""
    here = tmp_path_factory.mktemp("club")
    home = here / "home"
    home.mkdir()
    register_champion(club_recipe(here), Workspace(home, f"sqlite:///{home / 'mlflow.db'}"))
    recipe = "name: club\ndata: {source: members.csv, target: left, id: member}\nmodel: {family: linear}\n"
    (here / "recipe.yaml").write_text(recipe)
    return here


def test_serve_then_monitor(folder: Path) -> None:
    served = paredown(folder, "serve", "recipe.yaml", "--port", "0", "--log", "requests", log="serve")
    try:
        served.until("Ctrl-C ends it.")
        words = shlex.split(re.findall(r"curl .*", served.text())[0])
        address, example = words[2], words[-1]
        assert ask(address, example)["predictions"]["answer"][0] in ("yes", "no")
        asked = members(300, seed=31).assign(age=75).drop(columns="left")
        for at in range(0, 300, 100):
            rows = asked.iloc[at : at + 100].to_json(orient="records")
            assert len(ask(address, f'{{"dataframe_records": {rows}}}')["predictions"]["answer"]) == 100
        assert psutil.Process(served.process.pid).children(recursive=True) == []
        os.kill(served.process.pid, signal.SIGINT)
        assert served.ends(60) == 130
    finally:
        if served.process.poll() is None:
            served.kill()
    assert "Traceback" not in served.text()
    [file] = (folder / "requests").iterdir()
    kept = pd.read_parquet(file)
    assert kept["member"].tolist()[1:] == asked["member"].tolist()
    looked = paredown(folder, "monitor", "recipe.yaml", "--data", "requests", "--json", log="monitor")
    assert looked.ends() == 0, looked.text()
    found = json.loads(looked.text())
    assert (found["rows"], found["level"], found["inputs"]["changed"]) == (301, "warn", ["age"])
