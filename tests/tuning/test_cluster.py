"""The cluster: what is sent to it, what is said when it cannot be had, and a search that loses one of its nodes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.cluster import ThreeNodeCluster, meeting, three_node_cluster

from tasks import tuning
from tasks.core import InputError, Refusal, Workspace, digest_of
from tasks.core.env_defaults import QUIET
from tasks.search.objective import TrialContext
from tasks.search.results import SearchProgress
from tasks.search.search_spec import Search
from tasks.search.space import Point
from tasks.tuning import TrialFunction, TrialSetup, cluster
from tasks.tuning.cluster import code_of, fits, planned_nodes, runtime_environment, top_level

ROOT = Path(__file__).resolve().parents[2]


# --- without Ray ----------------------------------------------------------------------------------------------


def test_the_modules_of_import_strings_are_named_once() -> None:
    texts = [
        "my_nets.small:tiny",
        "my_nets:big",
        "my_data:load",
        "tasks.architectures:resnet20",
        "flows.trials.training_trial:run",
    ]
    assert top_level(texts) == ("my_data", "my_nets")
    others = ["data/churn.csv", "train.parquet", "cuda:1", "127.0.0.1:6379", "sqlite:///a.db", "", "mean", "a b:c"]
    assert top_level(others) == ()


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules that are not installed."""
    (tmp_path / "mine").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "mine")
    return tmp_path / "mine"


def test_the_user_s_packages_and_files_are_sent_and_what_is_installed_is_not(mine: Path) -> None:
    (mine / "sent_package").mkdir()
    (mine / "sent_package" / "__init__.py").touch()
    (mine / "sent_file.py").touch()
    assert code_of("sent_package") == mine / "sent_package"
    assert code_of("sent_file") == mine / "sent_file.py"
    assert [code_of(name) for name in ("numpy", "sklearn", "json", "math", "sys")] == [None] * 5
    sent = runtime_environment(["sent_file", "numpy", "sent_package", "sent_file"])
    assert sent["py_modules"] == [
        str(ROOT / "tasks"),
        str(ROOT / "flows"),
        *map(str, [mine / "sent_file.py", mine / "sent_package"]),
    ]
    assert sent["env_vars"].items() <= {name: os.environ[name] for name in QUIET}.items()
    assert "RAY_AUTH_MODE" not in sent["env_vars"]


def test_workers_load_paredown_before_they_see_modules_with_its_names(tmp_path: Path) -> None:
    from ray import cloudpickle

    for name in ("tasks", "flows"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong one')")
    sent = tmp_path / "sent"
    sent.write_bytes(cloudpickle.dumps(cluster.load_own([str(ROOT)])))
    code = f"""
import pickle, sys
load = pickle.load(open({str(sent)!r}, "rb"))
before = list(sys.path)
load()
import tasks.core, flows.recipe
print(tasks.__file__, flows.__file__, sys.path == before)
"""
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, env={"PYTHONPATH": ""}
    )
    assert found.stdout.split() == [f"{ROOT / name / '__init__.py'}" for name in ("tasks", "flows")] + ["True"]


def test_what_cannot_be_sent_is_refused_by_name(mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    for folder in (mine, other):
        (folder / "split").mkdir(parents=True)
    (mine / "compiled.so").touch()
    monkeypatch.syspath_prepend(other)
    reasons = {"split": "lies in 2 folders", "nowhere_to_be_found": "not found here", "compiled": "not Python source"}
    for name, reason in reasons.items():
        with pytest.raises(Refusal, match=f"module {name} cannot be sent .*{reason}"):
            code_of(name)


def test_a_trial_fits_on_one_node_or_on_none() -> None:
    nodes = [{"CPU": 8.0}, {"CPU": 2.0, "GPU": 1.0}, {}]
    assert fits(8, 0, nodes)
    assert fits(2, 0.5, nodes)
    assert not fits(4, 1, nodes), "no node has both"
    assert not fits(9, 0, nodes)
    assert not fits(1, 0, [])


def test_the_autoscaler_s_nodes_count(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    assert planned_nodes(plan) == []
    kinds = "{head: {max_workers: 0, resources: {CPU: 99}}, gpu: {max_workers: 2, resources: {CPU: 4, GPU: 1}}}"
    plan.write_text(f"available_node_types: {kinds}")
    assert planned_nodes(plan) == [{"CPU": 4, "GPU": 1}]


def test_an_empty_address_and_local_mean_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for address, meant in (("", None), ("local", None), ("auto", "auto"), ("10.0.0.1:6379", "10.0.0.1:6379")):
        monkeypatch.setenv("RAY_ADDRESS", address)
        assert cluster.cluster_address() == meant
    monkeypatch.delenv("RAY_ADDRESS")
    assert cluster.cluster_address() is None


def test_a_cluster_that_does_not_answer_is_named_in_time() -> None:
    code = """
from tasks.core import InputError
from tasks.tuning import cluster
cluster.PATIENCE = 1.0
try:
    cluster.connect()
except InputError as error:
    print(error.path, error.value, error.law)
"""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        # In a process of its own: Ray's tries go on beside it for minutes. Its end does not wait for them.
        environment = {**os.environ, "RAY_ADDRESS": address}
        command = [sys.executable, "-c", code]
        said = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
    assert said.stdout.startswith(f"RAY_ADDRESS {address} must be the address of a running Ray cluster")
    assert "did not answer within 1 seconds" in said.stdout


# --- with nodes -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The driver's home, which the far node does not see."""
    return tmp_path_factory.mktemp("driver")


@pytest.fixture(scope="module")
def nodes(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeNodeCluster]:
    """RAY_ADDRESS names this cluster; each search joins it and leaves it again."""
    with three_node_cluster(tmp_path_factory.mktemp("nodes"), home) as small:
        yield small


def grid(resources: dict[str, float], *values: int) -> Search:
    space = {"x": {"choice": values}}
    return Search.model_validate({"algorithm": "grid", "scheduler": "none", "space": space, "resources": resources})


@pytest.mark.e2e
@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize("resources", [{"cpus": 1.0, "gpus": 0.5}, {"cpus": 2.0, "gpus": 0.0}])
def test_a_trial_that_asks_for_more_than_a_node_has_is_refused(home: Path, resources: dict[str, float]) -> None:
    workspace = Workspace(home, "sqlite:///x")
    with pytest.raises(InputError, match="no more than one node has") as refused:
        tuning.tune(TrialSetup(lambda point, context: None), grid(resources, 1), workspace, home / "refused", 2)
    told = (refused.value.path, refused.value.value, refused.value.nearest)
    assert told == ("search.resources", resources, {"cpus": 1.0, "gpus": 0.0})


def climb(module: str) -> TrialFunction:
    """Eight epochs that go on from the file in the trial's folder; they need the user's module."""

    meet = meeting(2)

    def trial(point: Point, context: TrialContext) -> None:
        helper = __import__(module)
        meet(str(point["x"]))
        file, starts = context.folder / "epoch", context.folder / "starts"
        done = int(file.read_text()) if file.exists() else 0
        with starts.open("a") as stream:
            stream.write(f"{done} {context.workspace.home}\n")
        for epoch in range(done + 1, 9):
            time.sleep(0.3)
            file.write_text(str(epoch))
            context.report(epoch, helper.score(point["x"], epoch) + float(context.shared["offset"][0]))
        made = context.workspace.store.put_json(point)
        context.answer({"made": made, "starts": starts.read_text().splitlines()}, needs=[made])

    return trial


def has_come_from(away: Path, kept: Path) -> bool:
    """Whether the files that are kept of a trial were brought from the far node."""
    starts = kept / "starts"
    return starts.exists() and str(away) in starts.read_text() and (kept / "epoch").exists()


@pytest.mark.e2e
def test_a_node_that_is_killed_costs_its_trials_last_epochs_only(
    home: Path, nodes: ThreeNodeCluster, mine: Path
) -> None:
    (mine / "user_helper.py").write_text("def score(x, epoch):\n    return x + epoch / 100\n")
    workspace, folder, points = Workspace(home, "sqlite:///x"), home / "search", [{"x": 1}, {"x": 2}]
    kept = [folder / "trials" / digest_of(point) for point in points]
    killed = False

    def kill_when_it_is_under_way(progress: SearchProgress) -> None:
        nonlocal killed
        for place in kept:
            if not killed and has_come_from(nodes.away, place) and int((place / "epoch").read_text()) >= 2:
                killed = True
                nodes.kill_far()

    found = tuning.tune(
        TrialSetup(climb("user_helper"), {"offset": np.array([10.0])}, modules=["user_helper"]),
        grid({"cpus": 1}, 1, 2),
        workspace,
        folder,
        8,
        on_progress=kill_when_it_is_under_way,
    )
    assert killed
    assert [(each.state, each.reason) for each in found.trials] == [("finished", "")] * 2
    assert [each.curve for each in found.trials] == [
        tuple((epoch, 10 + point["x"] + epoch / 100) for epoch in range(1, 9)) for point in points
    ]
    assert found.best == {"x": 2}
    answers = [each.answer or {} for each in found.trials]
    assert [workspace.store.get_json(answer["made"]) for answer in answers] == points
    starts = [[line.split() for line in answer["starts"]] for answer in answers]
    [[[first, where], [later, there]]] = [each for each in starts if len(each) > 1]
    assert (first, where) == ("0", str(nodes.away)), "the trial on the other node was started once"
    assert int(later) >= 2, "it went on from what it had reported"
    assert there == str(home)
