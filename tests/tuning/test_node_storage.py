"""Node storage: what goes from the driver's home to a node that does not see it, and back; and what must not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.cluster import meeting, three_node_cluster

from tasks.core import Refusal, Store, StoreError, Workspace, digest_of
from tasks.search.objective import TrialContext
from tasks.search.search_spec import Search
from tasks.search.space import Point
from tasks.tuning import TrialSetup, cluster, tune
from tasks.tuning.file_transfer import inside, lay_down, names, read_bytes
from tasks.tuning.node_storage import NodeStorage, RemoteStorage, StorageActor, open_storage


def as_bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def as_texts(files: dict[str, np.ndarray]) -> dict[str, str]:
    return {name: content.tobytes().decode() for name, content in files.items()}


# --- without Ray ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "..", ".", "", "link/x"])
def test_no_path_leaves_its_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(Refusal, match="leaves its folder"):
        inside(folder, name)
    with pytest.raises(Refusal):
        lay_down(folder, {name: as_bytes("x")}, [name])
    actor = StorageActor(tmp_path / "store", folder)
    with pytest.raises(Refusal):
        actor.keep("trial", {f"../../../{name}/x": as_bytes("x")}, [])
    assert not (tmp_path / "x").exists()
    assert inside(folder, "a/../b") == folder / "b"


@pytest.mark.parametrize("trial", ["../token", "..", "/etc", ""])
def test_a_actor_writes_under_its_trials_only(tmp_path: Path, trial: str) -> None:
    actor = StorageActor(tmp_path / "store", tmp_path / "search")
    with pytest.raises(Refusal, match="leaves its folder"):
        actor.keep(trial, {"x": as_bytes("x")}, ["x"])
    with pytest.raises(Refusal, match="leaves its folder"):
        actor.files(trial)
    assert list(tmp_path.rglob("x")) == []


def test_what_is_kept_becomes_what_there_is(tmp_path: Path) -> None:
    actor = StorageActor(tmp_path / "store", tmp_path / "search")
    assert actor.files("t") == {}
    actor.keep("t", {"last": as_bytes("1"), "deep/best": as_bytes("b")}, ["last", "deep/best"])
    actor.keep("t", {"last": as_bytes("2")}, ["last", "deep/best"])
    assert as_texts(actor.files("t")) == {"last": "2", "deep/best": "b"}
    actor.keep("t", {}, ["last"])
    assert as_texts(actor.files("t")) == {"last": "2"}
    assert actor.files("other") == {}


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "t" / "file").write_text("f")
    assert names(tmp_path / "t") == ["file"]


def test_an_entry_under_a_wrong_name_is_refused(tmp_path: Path) -> None:
    actor = StorageActor(tmp_path / "store", tmp_path / "search")
    right, wrong = digest_of(b"right"), digest_of(b"wrong")
    assert actor.lacks([right, wrong]) == [right, wrong]
    actor.take(right, as_bytes("right"))
    with pytest.raises(StoreError, match=wrong):
        actor.take(wrong, as_bytes("other"))
    assert actor.lacks([right, wrong]) == [wrong]
    assert Store(tmp_path / "store").get(right) == b"right"


def storage_at(home: Path, token: str = "token") -> RemoteStorage:
    (home / "search").mkdir(parents=True)
    (home / "search" / "token").write_text("token")
    return RemoteStorage(Workspace(home, "sqlite:///x"), home / "search", (), token, None)


def test_who_sees_the_token_works_in_the_home_itself(tmp_path: Path) -> None:
    storage = storage_at(tmp_path)
    site = NodeStorage(storage, "t")
    assert site.sees_home
    assert site.workspace is storage.workspace
    assert site.folder == tmp_path / "search" / "trials" / "t"
    (site.folder / "file").write_text("f")
    site.save()
    site.leave()
    assert read_bytes(NodeStorage(storage, "t").folder / "file").tobytes() == b"f"


def test_another_token_at_the_same_path_is_another_home(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="does not see"):
        NodeStorage(storage_at(tmp_path, token="another"), "t")


# --- with nodes -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The driver's home, which the far node does not see."""
    return tmp_path_factory.mktemp("driver")


@pytest.fixture(scope="module")
def away(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The far node's own home; this process has joined the cluster."""
    import ray

    with three_node_cluster(tmp_path_factory.mktemp("nodes"), home) as small:
        cluster.connect()
        yield small.away
        ray.shutdown()


def run_on(node: str, task: Callable[..., Any], *arguments: Any) -> Any:
    import ray

    return ray.get(ray.remote(task).options(resources={node: 1}).remote(*arguments))


@pytest.mark.e2e
def test_a_node_without_the_home_has_what_the_trial_needs_and_its_answer_comes_back(home: Path, away: Path) -> None:
    workspace = Workspace(home, "sqlite:///x")
    given = workspace.store.put_array(np.arange(300_000))
    storage = open_storage(workspace, home / "search", [given])

    def trial(storage: RemoteStorage, given: str) -> tuple[bool, str, int, str, list[str]]:
        from tasks.tuning.file_transfer import names
        from tasks.tuning.node_storage import NodeStorage

        site = NodeStorage(storage, "t")
        store = site.workspace.store
        found = names(site.folder)
        (site.folder / "last").write_text("1")
        site.save()
        made = store.put_array(store.get_array(given)[::2])
        site.hand_over([made, given])
        total = int(store.get_array(given).sum())
        site.leave()
        return site.sees_home, str(site.workspace.home), total, made, [*found, str(site.folder.exists())]

    sees, where, total, made, found = run_on("far", trial, storage, given)
    assert (sees, where, total) == (False, str(away), 299_999 * 150_000)
    assert found == ["False"], "nothing lay there before, and nothing is left of the trial"
    assert workspace.store.get_array(made).tolist() == list(range(0, 300_000, 2))
    assert (home / "search" / "trials" / "t" / "last").read_text() == "1"
    assert Store(away / "store").holds(given)

    sees, where, total, again, found = run_on("near", trial, storage, given)
    assert (sees, where, total, again) == (True, str(home), 299_999 * 150_000, made)
    assert found == ["last", "True"]


@pytest.mark.e2e
def test_a_trial_moves_between_nodes_with_its_files(home: Path, away: Path) -> None:
    storage = open_storage(Workspace(home, "sqlite:///x"), home / "moves")

    def epoch(storage: RemoteStorage) -> list[str]:
        from tasks.tuning.file_transfer import names
        from tasks.tuning.node_storage import NodeStorage

        site = NodeStorage(storage, "t")
        log, unsaved = site.folder / "deep" / "log", site.folder / "unsaved"
        log.parent.mkdir(exist_ok=True)
        with log.open("a") as stream:
            stream.write("seen\n" if site.sees_home else "foreign\n")
        (site.folder / "old").unlink() if (site.folder / "old").exists() else (site.folder / "old").touch()
        site.save()
        if not site.sees_home:
            unsaved.touch()
        return names(site.folder)

    assert run_on("far", epoch, storage) == ["deep/log", "old", "unsaved"]
    assert run_on("near", epoch, storage) == ["deep/log"]
    assert run_on("far", epoch, storage) == ["deep/log", "old", "unsaved"]
    assert run_on("far", epoch, storage) == ["deep/log", "unsaved"], "the copy of an earlier stay does not count"
    assert (home / "moves" / "trials" / "t" / "deep" / "log").read_text().split() == [
        "foreign",
        "seen",
        "foreign",
        "foreign",
    ]


@pytest.mark.e2e
def test_a_trial_reads_the_folder_of_another_on_any_node(home: Path, away: Path) -> None:
    storage = open_storage(Workspace(home, "sqlite:///x"), home / "visits")

    def write(storage: RemoteStorage) -> None:
        from tasks.tuning.node_storage import NodeStorage

        site = NodeStorage(storage, "parent")
        (site.folder / "checkpoint").write_text("epoch 2")
        site.save()
        site.leave()

    def read(storage: RemoteStorage) -> list[Any]:
        from tasks.tuning.file_transfer import names
        from tasks.tuning.node_storage import NodeStorage

        site = NodeStorage(storage, "child")
        there, nowhere = site.visit("parent"), site.visit("stranger")
        found = [site.sees_home, (there / "checkpoint").read_text(), names(nowhere), names(site.folder)]
        site.save()
        site.leave()
        return [*found, there.exists()]

    run_on("far", write, storage)
    assert run_on("far", read, storage) == [False, "epoch 2", [], [], False], "its copy goes with the trial"
    assert run_on("near", read, storage) == [True, "epoch 2", [], [], True]
    assert names(home / "visits" / "trials") == ["parent/checkpoint"]


@pytest.mark.e2e
def test_a_search_uses_both_kinds_of_nodes_alike(home: Path, away: Path) -> None:
    workspace = Workspace(home, "sqlite:///x")
    given = workspace.store.put_json({"factor": 2})

    meet = meeting(2)

    def trial(point: Point, context: TrialContext) -> None:
        meet(str(point["x"]))
        store = context.workspace.store
        (context.folder / "last").touch()
        context.report(1, point["x"] * store.get_json(given)["factor"])
        made = store.put_json([str(context.workspace.home), point["x"]])
        context.answer({"made": made}, needs=[made])

    space = {"x": {"choice": [1, 2]}}
    search = Search.model_validate({"algorithm": "grid", "scheduler": "none", "space": space})
    found = tune(TrialSetup(trial, needs=[given]), search, workspace, home / "both", 1)
    assert [(each.state, each.reason, each.score) for each in found.trials] == [
        ("finished", "", 2),
        ("finished", "", 4),
    ]
    made = [workspace.store.get_json((each.answer or {})["made"]) for each in found.trials]
    assert [x for _, x in made] == [1, 2]
    assert {where for where, _ in made} == {str(home), str(away)}
    assert names(home / "both" / "trials") == [], "what is over leaves nothing behind"


@pytest.mark.e2e
def test_an_entry_that_the_driver_lacks_is_named(home: Path, away: Path) -> None:
    missing = digest_of(b"nobody has it")
    storage = open_storage(Workspace(home, "sqlite:///x"), home / "lacking", [missing])

    def trial(storage: RemoteStorage) -> str:
        from tasks.core import StoreError
        from tasks.tuning.node_storage import NodeStorage

        try:
            NodeStorage(storage, "t")
        except StoreError as error:
            return str(error)
        return ""

    assert run_on("far", trial, storage).startswith(f"store entry {missing} is missing from ")
