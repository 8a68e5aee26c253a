"""The main flow through Prefect, Ray, MLflow and ONNX Runtime; again; and after it was killed in mid-training."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import yaml
from support import runs
from support.short_timing import short_timing

from flows.cli import predict
from flows.pipeline.step_count import count_steps
from flows.recipe.loading import load_recipe
from flows.recipe.schema import Recipe
from flows.results import answer_text
from flows.services.safety import orphaned_servers
from tasks.core import Workspace, digest_file
from tasks.data import input_layout
from tasks.kernels.onnx import sessions
from tasks.kernels.training import checkpoints
from tasks.tracking import registry

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

    from flows.results.outcome import Outcome

pytestmark = pytest.mark.e2e

SEARCH = {
    "algorithm": "random",
    "scheduler": "none",
    "trials": 2,
    "epochs": 1,
    "space": {"train.learning_rate": {"loguniform": [0.003, 0.03]}},
}
REFUSED = "backwards: channels sparsity 0.5"


@dataclasses.dataclass(frozen=True)
class Ran:
    """One run of the flow, and the same once more."""

    recipe: Recipe
    workspace: Workspace
    first: Outcome
    again: Outcome
    client: MlflowClient

    def runs(self, kind: str, parent: str | None = None) -> list[Run]:
        """The MLflow runs of a kind, in the order of their making."""
        wanted = f"tags.`paredown.kind` = '{kind}'"
        wanted += f" and tags.`mlflow.parentRunId` = '{parent}'" if parent else ""
        places = [each.experiment_id for each in self.client.search_experiments()]
        found: list[Run] = self.client.search_runs(places, wanted, order_by=["attributes.start_time ASC"])
        return found


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Iterator[Ran]:
    from flows.optimize import optimize
    from flows.services import environment
    from tasks import tracking

    recipe = runs.tiny_recipe(search=SEARCH)
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("optimized")
        patch.setenv("PAREDOWN_HOME", str(home))
        file = home / "tiny.yaml"
        file.write_text(yaml.safe_dump(recipe.model_dump(mode="json", exclude_unset=True)))
        workspace = environment.prepare_environment()
        with short_timing():
            first, again = optimize(str(file)), optimize(str(file))
        yield Ran(recipe, workspace, first, again, tracking.open_client(workspace.tracking_uri))


def test_the_goal_is_met_and_the_exit_code_says_so(ran: Ran) -> None:
    assert ran.first.findings.meets_goal
    assert ran.first.exit_code == 0
    answer = answer_text.product_answer(ran.first.findings)
    assert answer.startswith(ran.first.findings.product.name)
    assert ran.first.report.answer.endswith(answer)


def test_the_product_s_folder_holds_the_file_the_report_the_scores_and_the_recipe(ran: Ran) -> None:
    folder, findings = ran.first.folder, ran.first.findings
    assert folder == ran.workspace.home / "products" / "tiny"
    assert {file.name for file in folder.iterdir()} == {"model.onnx", "report.html", "scorecard.json", "recipe.yaml"}
    assert digest_file(folder / "model.onnx") == findings.product_file
    assert ran.first.report.answer in (folder / "report.html").read_text()
    cards = json.loads((folder / "scorecard.json").read_text())
    assert {card["candidate"] for card in cards["validation"]} == set(findings.cards)
    assert [card["split"] for card in cards["test"]] == ["test", "test"]
    written = load_recipe(folder / "recipe.yaml")
    assert written.train.learning_rate == findings.recipe.train.learning_rate, "with the search's best point in it"


def test_the_search_found_something(ran: Ran) -> None:
    tuned = ran.first.findings.tuned
    assert tuned is not None
    assert len(tuned.trials) == 2
    assert tuned.trials[0].point == {"train.learning_rate": 0.01}, "the recipe's own value first"
    assert all(trial.state == "finished" and len(trial.curve) == 1 for trial in tuned.trials)
    best = max(tuned.trials, key=lambda trial: trial.score or 0)
    assert tuned.best == best.point
    assert ran.first.findings.recipe.train.learning_rate == tuned.best["train.learning_rate"]
    assert not any("No trial" in note for note in ran.first.report.notes)


def test_mlflow_has_one_parent_with_a_child_for_each_row_and_trials_under_the_search(ran: Ran) -> None:
    parent = ran.runs("flow")[0]
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["paredown.answer"] == ran.first.report.answer
    children = {child.info.run_name: child for child in ran.runs("child", parent.info.run_id)}
    assert set(children) == {"baseline", "narrow", "narrow-int8", "backwards", "dense control", "search"}
    assert all(child.info.status == "FINISHED" for child in children.values())
    for line in ran.first.findings.results:
        metrics = children[line.name].data.metrics
        if line.product is not None:
            card = ran.first.findings.cards[line.product.digest]
            assert metrics["validation.accuracy"] == pytest.approx(card.score.value)
            assert metrics["size.bytes"] == card.size.bytes
    assert children["backwards"].data.tags["paredown.reason"].startswith("channels sparsity 0.5 acts on")
    search = children["search"]
    assert search.info.end_time <= children["baseline"].info.start_time, "it was written while it ran"
    scores = ran.client.get_metric_history(search.info.run_id, "trial.score")
    assert sorted(point.step for point in scores) == [0, 1], "and at the end of the flow only what it lacked"
    trials = ran.runs("trial", search.info.run_id)
    assert len(trials) == 2
    tuned = ran.first.findings.tuned
    assert tuned is not None
    assert sorted(trial.data.metrics["score"] for trial in trials) == sorted(trial.score or 0 for trial in tuned.trials)
    held = {item.path for item in ran.client.list_artifacts(children["narrow-int8"].info.run_id)}
    assert {"model.onnx", "plans"} <= held


def test_the_product_is_registered_as_the_champion(ran: Ran) -> None:
    version = ran.first.version
    assert (version.name, version.version, version.alias) == ("tiny", 1, "champion")
    assert version.run_id == ran.runs("flow")[0].info.run_id
    tags = ran.client.get_model_version("tiny", "1").tags
    assert tags["paredown.candidate"] == ran.first.findings.product.digest
    assert tags["paredown.meets_goal"] == "true"
    found, file = registry.champion(ran.workspace.tracking_uri, "tiny")
    assert found.version == 1
    assert digest_file(file) == ran.first.findings.product_file


def test_the_champion_names_the_classes_of_raw_digits(ran: Ran, tmp_path: Path) -> None:
    prepared, store = ran.first.findings.prepared, ran.workspace.store
    dataset = prepared.dataset
    raw = np.array(input_layout.product_inputs(prepared, "test", store)["image"])
    np.savez(tmp_path / "digits.npz", images=raw)
    found = predict.predict_file(ran.recipe, tmp_path / "digits.npz", ran.workspace)
    answers = found.lines
    assert found.names[:2] == ("0", "1")
    assert found.probabilities is not None
    assert found.probabilities.sum(axis=1) == pytest.approx(1)
    assert [found.classes[place] for place in found.probabilities.argmax(axis=1)] == answers
    outputs = sessions.predict(ran.first.folder / "model.onnx", {"image": raw}, batch=1)
    assert answers == [dataset.classes[index] for index in outputs.argmax(axis=1)]
    card = ran.first.findings.test[ran.first.findings.product.digest]
    targets = store.get_array(dataset.splits["test"].targets)
    assert np.mean(np.array(answers, dtype=int) == targets) == pytest.approx(card.score.value)
    assert set(answers) <= set("0123456789")


# --- the same again -------------------------------------------------------------------------------------------


def test_an_unchanged_run_is_answered_from_the_store_with_the_same_choice(ran: Ran) -> None:
    assert ran.again.findings == ran.first.findings
    assert ran.again.exit_code == ran.first.exit_code
    assert digest_file(ran.again.folder / "model.onnx") == ran.first.findings.product_file
    # Every step but the one that refuses, and the export that would have followed it.
    assert len(ran.again.reused) == count_steps(ran.recipe) - 2
    assert {"train the baseline", "search", "evaluate on validation", "test once"} <= set(ran.again.reused)


def test_what_branches_share_came_from_the_store_already_in_the_first_run(ran: Ran) -> None:
    assert set(ran.first.reused) == {
        "narrow-int8: channels sparsity 0.5",
        "narrow-int8: channels sparsity 0.5 → ONNX",
        "narrow-int8: recover epochs 1",
        "narrow-int8: recover epochs 1 → ONNX",
    }


def test_an_unchanged_run_is_one_more_parent_and_no_new_version(ran: Ran) -> None:
    assert [run.info.status for run in ran.runs("flow")] == ["FINISHED", "FINISHED"]
    assert ran.again.version.version == ran.first.version.version
    assert len(ran.client.search_model_versions("name = 'tiny'")) == 1


def test_nothing_is_left_of_work_that_was_under_way(ran: Ran) -> None:
    left = list(ran.workspace.checkpoints.iterdir()) if ran.workspace.checkpoints.exists() else []
    assert left == []


# --- killed ---------------------------------------------------------------------------------------------------


def paredown(*arguments: str, home: Path) -> subprocess.Popen[str]:
    """The command, in a session of its own, so that what it leaves behind can be found."""
    command = [sys.executable, "-c", "from flows.cli.app import main; main()", *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_HOME")}
    environment = {**kept, "PAREDOWN_HOME": str(home)}
    return subprocess.Popen(
        command,
        env=environment,
        start_new_session=True,
        preexec_fn=heed_interrupts,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def heed_interrupts() -> None:
    """As in a terminal: a shell has what it starts in the background ignore Ctrl-C, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def end(group: int) -> None:
    """Ends what a killed command left running, its embedded server for one: its own process group, nothing else."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def curve_in(checkpoint: Path) -> list[dict[str, Any]]:
    """The learning curve so far."""
    data = checkpoint.read_bytes()
    curve: list[dict[str, Any]] = checkpoints.unpack(data[:64].decode(), data, torch.device("cpu"))["curve"]
    return curve


@pytest.fixture
def long_recipe(tmp_path: Path) -> Path:
    recipe = runs.tiny_recipe(
        name="killed",
        train={"epochs": 30, "batch_size": 32, "learning_rate": 0.01, "early_stopping": None},
        compress={"branches": [{"name": "narrow", "steps": [runs.CUT]}]},
    )
    file = tmp_path / "killed.yaml"
    file.write_text(yaml.safe_dump(recipe.model_dump(mode="json", exclude_unset=True)))
    return file


def test_a_run_killed_in_training_goes_on_where_it_was(long_recipe: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    workspace = runs.workspace(home)
    with contextlib.ExitStack() as stack:
        first = paredown("optimize", str(long_recipe), home=home)
        stack.callback(end, first.pid)
        checkpoint = wait_for_epochs(first, workspace, 3)
        first.kill()
        first.wait()
        known = curve_in(checkpoint)
        assert 3 <= len(known) < 30, "killed in mid-training"
        second = paredown("optimize", str(long_recipe), home=home)
        stack.callback(end, second.pid)
        told, _ = second.communicate(timeout=300)
    assert second.returncode == 0, told
    lines = told.splitlines()
    for label in ("ingest sklearn:digits", "preprocess"):
        assert any(label in line and "from the store" in line for line in lines), told
    assert any("train the baseline" in line and "from the store" not in line for line in lines), told
    record = baseline_record(workspace)
    # Seconds are measured: the same seconds mean that these epochs were not trained again.
    assert [epoch["seconds"] for epoch in record["curve"][: len(known)]] == [epoch["seconds"] for epoch in known]
    assert [epoch["number"] for epoch in record["curve"]] == list(range(1, 31))
    assert list(workspace.checkpoints.iterdir()) == []
    parents = flow_runs(workspace)
    assert [run.info.status for run in parents] == ["FINISHED"], "the killed run was taken up, not begun anew"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_ends_with_its_sentence_and_the_next_one_goes_on(
    number: signal.Signals, long_recipe: Path, tmp_path: Path
) -> None:
    """A terminal sends Ctrl-C to the whole process group, and a supervisor SIGTERM; here the command leads one."""
    home = tmp_path / "home"
    workspace = runs.workspace(home)
    with contextlib.ExitStack() as stack:
        first = paredown("optimize", str(long_recipe), home=home)
        stack.callback(end, first.pid)
        checkpoint = wait_for_epochs(first, workspace, 2)
        started = time.monotonic()
        os.killpg(first.pid, number)
        said, _ = first.communicate(timeout=60)
        seconds = time.monotonic() - started
    assert first.returncode == 130, said
    assert said.rstrip().endswith("paredown: stopped; the same command goes on where it was")
    assert "Traceback" not in said
    assert seconds < 30, "Prefect's retries against a server that is gone take minutes"
    assert orphaned_servers.stop_orphans(home / "prefect") == [], "its own server has ended with it"
    assert len(curve_in(checkpoint)) >= 2


def wait_for_epochs(process: subprocess.Popen[str], workspace: Workspace, epochs: int) -> Path:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        found = list(workspace.checkpoints.glob("fit-*")) if workspace.checkpoints.exists() else []
        if found and len(curve_in(found[0])) >= epochs:
            return found[0]
        time.sleep(0.05)
    pytest.fail("the training never came to its third epoch")


def baseline_record(workspace: Workspace) -> dict[str, Any]:
    """The record of the training, as MLflow keeps it beside the baseline."""
    files = workspace.home.glob("mlflow/**/plans/0-train.json")
    record: dict[str, Any] = json.loads(next(files).read_text())["record"]
    return record


def flow_runs(workspace: Workspace) -> list[Run]:
    from tasks import tracking

    client = tracking.open_client(workspace.tracking_uri)
    places = [each.experiment_id for each in client.search_experiments()]
    found: list[Run] = client.search_runs(places, "tags.`paredown.kind` = 'flow'")
    return found
