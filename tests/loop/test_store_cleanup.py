"""Store cleanup: what a champion, a recent run or a run under way needs stays; the rest goes, but only when asked."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from support.registered import register_versions
from support.runs import workspace as workspace_in

from flows.loop.releases.store_cleanup import clean_store
from flows.services.store_needs import read_needs, using_store, write_needs
from tasks import tracking
from tasks.core import InputError, Workspace
from tasks.tracking.versions import versions_of

DAY = 86_400


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return workspace_in(tmp_path)


def age(workspace: Workspace, run: str, days: int) -> None:
    """Makes a run's end so many days ago."""
    then = time.time() - days * DAY
    os.utime(workspace.home / "needs" / f"{run}.json", (then, then))


def test_what_nothing_needs_is_shown_and_then_deleted(workspace: Workspace) -> None:
    store, uri = workspace.store, workspace.tracking_uri
    [version] = register_versions(uri, "orders", 1)
    plan = store.put_json({"channels": [1, 2]})
    record = store.put_json({"plan": plan})
    champion, recent, old = store.put(b"champion"), store.put(b"recent"), store.put(b"old!")
    write_needs(workspace.home, version.run_id, [champion, record])
    write_needs(workspace.home, "recent", [recent])
    write_needs(workspace.home, "old", [old, champion])
    age(workspace, version.run_id, 400)
    age(workspace, "old", 40)
    shown = clean_store(workspace, 30, delete=False)
    assert (shown.count, shown.bytes, shown.deleted) == (1, 4, False)
    assert shown.kept_for == ("orders version 1 (champion)", "1 runs of the last 30 days")
    assert store.holds(old)
    done = clean_store(workspace, 30, delete=True)
    assert (done.count, done.bytes, done.kept_bytes, done.deleted) == (1, 4, shown.kept_bytes, True)
    assert [store.holds(each) for each in (champion, record, plan, recent, old)] == [True, True, True, True, False]
    assert {each.run for each in read_needs(workspace.home)} == {version.run_id, "recent"}
    assert clean_store(workspace, 30, delete=True).count == 0


def test_nothing_is_deleted_while_a_run_uses_the_store(workspace: Workspace) -> None:
    lonely = workspace.store.put(b"lonely")
    with using_store(workspace.home), using_store(workspace.home):
        assert clean_store(workspace, 30, delete=False).count == 1
        with pytest.raises(InputError, match="a home whose store no run uses at the moment"):
            clean_store(workspace, 30, delete=True)
    assert workspace.store.holds(lonely)
    assert clean_store(workspace, 30, delete=True).count == 1
    assert not workspace.store.holds(lonely)


def test_a_champion_whose_run_left_no_list_keeps_what_is_older_than_the_first_list(workspace: Workspace) -> None:
    register_versions(workspace.tracking_uri, "unlisted", 1)
    early = workspace.store.put(b"early")
    place = workspace.store.path(early)
    os.utime(place, (time.time() - 50 * DAY, time.time() - 50 * DAY))
    write_needs(workspace.home, "first", [])
    age(workspace, "first", 40)
    late = workspace.store.put(b"late")
    found = clean_store(workspace, 30, delete=True)
    assert found.kept_for == (
        "unlisted version 1 (champion), whose run left no list: all that is older than the first list",
    )
    assert place.exists()
    assert not workspace.store.holds(late)


def test_a_version_without_an_alias_keeps_nothing(workspace: Workspace) -> None:
    [version] = register_versions(workspace.tracking_uri, "retired", 1)
    digest = workspace.store.put(b"retired")
    write_needs(workspace.home, version.run_id, [digest])
    age(workspace, version.run_id, 40)
    tracking.open_client(workspace.tracking_uri).delete_registered_model_alias("retired", "champion")
    assert versions_of(workspace.tracking_uri, "retired")[0].aliases == ()
    assert clean_store(workspace, 30, delete=False).count == 1
