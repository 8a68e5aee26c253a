"""Shadowing: after a promotion the previous champion answers too; a new one that is worse goes back by itself."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.watched_champions import club, members, register_champion

from flows.loop.monitor_job import run_monitor
from flows.loop.monitor_memory import memory_file
from flows.loop.monitor_outcome import MonitorOutcome
from flows.recipe.schema import Recipe
from tasks.core import Workspace
from tasks.tracking.version_files import file_of
from tasks.tracking.versions import CHAMPION, PREVIOUS, holder_of, promote_version, version_of, versions_of


@pytest.fixture
def place(tmp_path: Path) -> tuple[Recipe, Workspace]:
    return club(tmp_path)


def promote_second(recipe: Recipe, workspace: Workspace, folder: Path, is_bad: bool) -> None:
    """Makes a second version champion: an equal one, or one that learned the answers of one row in three wrong."""
    made = recipe
    if is_bad:
        rows = members(400, seed=99)
        turned = np.where(rows["left"] == "yes", "no", "yes")
        rows["left"] = np.where(rows["age"] > 45, turned, rows["left"])
        rows.to_csv(folder / "bad.csv", index=False)
        made = recipe.model_copy(update={"data": recipe.data.model_copy(update={"source": str(folder / "bad.csv")})})
    version = register_champion(made, workspace, seed=1)
    promote_version(workspace.tracking_uri, recipe.name, version.version, "promoted")


def look(recipe: Recipe, workspace: Workspace, seed: int, rows: int = 200, **more: Any) -> MonitorOutcome:
    file = workspace.home / f"batch {seed}.csv"
    members(rows, seed=seed).to_csv(file, index=False)
    return run_monitor(recipe, file, None, workspace, **more)


def holders(workspace: Workspace) -> tuple[int | None, int | None]:
    """The versions that are champion and previous."""
    records = versions_of(workspace.tracking_uri, "club")
    champion, previous = (holder_of(records, alias) for alias in (CHAMPION, PREVIOUS))
    return champion.version if champion else None, previous.version if previous else None


def test_a_worse_champion_is_taken_back(place: tuple[Recipe, Workspace], tmp_path: Path) -> None:
    recipe, workspace = place
    promote_second(recipe, workspace, tmp_path, is_bad=True)
    told: list[MonitorOutcome] = []

    def tell(outcome: MonitorOutcome) -> str:
        told.append(outcome)
        return ""

    with heard() as (address, posts):
        spec = recipe.monitor.model_copy(update={"notify": address})
        found = look(recipe.model_copy(update={"monitor": spec}), workspace, seed=20, tell=tell)
    assert (found.version, found.level, found.exit_code, found.back_to) == (2, "act", 4, 1)
    assert found.answer.startswith("Rolled back: club version 1 is champion again (version 2 was rolled back by the")
    assert found.shadow is not None
    assert found.shadow.n == 200
    assert found.shadow.difference > 0.2
    assert holders(workspace) == (1, None)
    assert (
        "proven that the loss is higher than that of version 1" in version_of(workspace.tracking_uri, "club", 2).reason
    )
    assert [post["level"] for post in posts] == ["rollback"]
    assert told == []  # the champion of before is back: that nothing is retrained
    assert "Rolled back" in Path(found.report).read_text()
    after = look(recipe, workspace, seed=21)
    assert (after.version, after.level, after.shadow) == (1, "fine", None)


def test_an_equal_one_stays(place: tuple[Recipe, Workspace], tmp_path: Path) -> None:
    recipe, workspace = place
    promote_second(recipe, workspace, tmp_path, is_bad=False)
    found = [look(recipe, workspace, seed) for seed in range(30, 36)]
    assert [each.level for each in found] == ["fine"] * 6
    assert found[-1].shadow is not None
    assert found[-1].shadow.n == 1200
    assert [each.what for each in found[-1].looks] == ["harm", "inputs", "predictions", "shadow"]
    assert holders(workspace) == (2, 1)


def test_the_window_ends_and_can_be_off(place: tuple[Recipe, Workspace], tmp_path: Path) -> None:
    recipe, workspace = place
    promote_second(recipe, workspace, tmp_path, is_bad=True)
    off = recipe.model_copy(update={"monitor": recipe.monitor.model_copy(update={"shadow": 0})})
    assert look(off, workspace, seed=60).shadow is None
    short = recipe.model_copy(update={"monitor": recipe.monitor.model_copy(update={"shadow": 5})})
    first = look(short, workspace, seed=61, rows=6)
    assert first.shadow is not None
    assert first.shadow.n == 6
    assert look(short, workspace, seed=62).shadow is None
    assert holders(workspace) == (2, 1)


def test_a_batch_counts_once_and_a_rollback_that_was_cut_off_is_done(
    place: tuple[Recipe, Workspace], tmp_path: Path
) -> None:
    recipe, workspace = place
    promote_second(recipe, workspace, tmp_path, is_bad=True)
    look(recipe, workspace, seed=70)
    kept = json.loads(memory_file(workspace.home, "club", 2).read_text())
    assert kept["shadow"]["sequence"]["n"] == 200
    promote = promote_version(workspace.tracking_uri, "club", 2, "again, as if the rollback had been cut off")
    since = kept["state"]["champion"].rpartition(" ")[0] + " " + promote.tags["paredown.promoted"]
    kept["state"]["champion"] = since
    memory_file(workspace.home, "club", 2).write_text(json.dumps(kept))
    again = look(recipe, workspace, seed=70)
    assert (again.back_to, again.labelled) == (1, 0)
    assert again.shadow is not None
    assert again.shadow.n == 200
    assert holders(workspace) == (1, None)


def test_a_previous_champion_that_is_gone_is_said(place: tuple[Recipe, Workspace], tmp_path: Path) -> None:
    recipe, workspace = place
    promote_second(recipe, workspace, tmp_path, is_bad=False)
    file = file_of(workspace.tracking_uri, "club", 1)
    file.write_bytes(file.read_bytes() + b" ")
    found = look(recipe, workspace, seed=80)
    assert found.level == "fine"
    assert "version 1 cannot run beside the champion: club version 1" in str(found.notes)


class heard:  # noqa: N801 - read as a verb, like `suppress`
    """Context in which an address takes messages: (address, the messages)."""

    def __enter__(self) -> tuple[str, list[dict[str, Any]]]:
        posts: list[dict[str, Any]] = []

        class Taker(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing is printed."""

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Taker)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}/", posts

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def test_a_new_promotion_begins_anew(place: tuple[Recipe, Workspace], tmp_path: Path) -> None:
    recipe, workspace = place
    promote_second(recipe, workspace, tmp_path, is_bad=False)
    look(recipe, workspace, seed=90)
    promote_version(workspace.tracking_uri, "club", 1, "by hand")
    found = look(recipe, workspace, seed=91)
    assert (found.version, found.look) == (1, 1)
    assert found.shadow is not None
    assert (found.shadow.previous, found.shadow.n) == (2, 200)
