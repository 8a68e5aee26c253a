"""Steps: what decides a cached answer, and that an answer is trusted only while what it refers to is whole."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_runs

from tasks.core import Candidate, Estimate, Goal, Latency, Prepared, Split, Step, Workspace
from tasks.core import cache_key as asked
from tasks.core.progress import Update, listening
from tasks.data import preprocessing
from tasks.data.data_spec import DataSpec
from tasks.data.preprocessing import Normalize
from tasks.models.model_spec import ModelSpec
from tasks.steps import caching, definitions, progress_artifacts
from tasks.training import baseline
from tasks.training.recovery import Recover
from tasks.training.student import Distill
from tasks.training.train_spec import TrainSpec

SMALL = ModelSpec(arguments={"width": 4, "depth": 1})
QUICK = TrainSpec(epochs=1, batch_size=16)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return small_runs.workspace(tmp_path)


def candidate(name: str = "a", content: str = "1" * 64) -> Candidate:
    step = Step("train", 1, {"epochs": 3}, None, None, None)
    return Candidate(name, "torch", "x:y", {"width": 1}, (step,), content)


def latency(ms: float) -> Latency:
    return Latency(ms, ms, 10, 3, Estimate(1.0, 0.9, 1.1, 3), "no measurable change")


# --- keys ---------------------------------------------------------------------------------------------------


def test_where_things_are_is_no_part_of_the_key(tmp_path: Path) -> None:
    here, there = (small_runs.workspace(tmp_path / name) for name in ("here", "there"))
    there = dataclasses.replace(there, device="cuda:1", tracking_uri="http://127.0.0.1:5000", run="c0ffee")
    assert asked.identity(here) is None
    keys = {asked.cache_key("fit", {"model": SMALL, "workspace": place}) for place in (here, there)}
    assert len(keys) == 1


def test_scores_are_no_part_of_the_key() -> None:
    keys = {
        asked.cache_key("evaluate", {"baseline": "b", "timing": {"b": each}}) for each in (latency(1.0), latency(2.0))
    }
    assert len(keys) == 1
    assert asked.identity({"card": latency(1.0)}) == {"card": None}


def test_the_name_of_a_candidate_is_no_part_of_the_key() -> None:
    assert asked.identity(candidate("a")) == asked.identity(candidate("b")) == candidate().digest
    assert asked.identity(candidate("a")) != asked.identity(candidate("a", "2" * 64))


@pytest.mark.parametrize(
    "other",
    [
        {"spec": QUICK.model_copy(update={"epochs": 2})},
        {"metric": "f1"},
        {"augment": (Normalize(),)},
        {"stamp": "y"},
        {"goal": Goal(max_drop=0.02)},
        {"split": Split("a", "b", 4)},
    ],
)
def test_everything_else_is(other: dict[str, Any]) -> None:
    before = {
        "spec": QUICK,
        "metric": "accuracy",
        "augment": (),
        "stamp": "x",
        "goal": Goal(),
        "split": Split("a", "b", 3),
    }
    assert asked.cache_key("fit", before) == asked.cache_key("fit", dict(reversed(before.items())))
    assert asked.cache_key("fit", before) != asked.cache_key("fit", {**before, **other})
    assert asked.cache_key("fit", before) != asked.cache_key("recover", before)


def test_two_specs_with_the_same_knobs_differ_by_their_kind() -> None:
    from tasks.data.augmentation import Flip
    from tasks.techniques import Channels, LowRank

    assert asked.identity(Channels()) != asked.identity(LowRank())
    assert asked.identity(Flip())[0] == "Flip"


def test_keys_are_the_same_in_another_process() -> None:
    code = (
        "from tasks.core import Goal, identity as asked; from tasks.training.train import TrainSpec;"
        "named = {'spec': TrainSpec(epochs=1, batch_size=16), 'goal': Goal(), 'labels': ('b', 'a')};"
        "print(asked.cache_key('fit', named))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "17"}
    there = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == asked.cache_key("fit", {"spec": QUICK, "goal": Goal(), "labels": ("b", "a")})


def test_a_key_that_cannot_be_made_is_an_error() -> None:
    for value in (object(), np.zeros(2), float("nan"), {1, 2}, b"bytes", lambda: 1):
        with pytest.raises((TypeError, ValueError)):
            asked.cache_key("fit", {"value": value})


# --- the step that runs ---------------------------------------------------------------------------------------


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[str]:
    """Counts the calls of a verb, which goes on as it was."""
    calls: list[str] = []
    verb: Callable[..., Any] = getattr(module, name)

    def count(*arguments: Any, **named: Any) -> Any:
        calls.append(name)
        return verb(*arguments, **named)

    monkeypatch.setattr(module, name, count)
    return calls


@pytest.fixture
def prepared(workspace: Workspace) -> Prepared:
    return small_runs.prepared_squares(workspace.store)


def fit(prepared: Prepared, workspace: Workspace, spec: TrainSpec = QUICK) -> caching.Answered:
    return caching.run_cached(definitions.fit, prepared, SMALL, (), spec, "accuracy", workspace)


@pytest.mark.usefixtures("prefect_server")
def test_the_same_call_again_is_answered_from_the_store(
    prepared: Prepared, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = QUICK.model_copy(update={"seed": 101})
    calls = counted(monkeypatch, baseline, "fit")
    first, again = fit(prepared, workspace, spec), fit(prepared, workspace, spec)
    assert (first.cached, again.cached, calls) == (False, True, ["fit"])
    assert again.value == first.value
    assert isinstance(again.value, Candidate)
    assert isinstance(again.value.lineage[0], Step)
    other = fit(prepared, workspace, QUICK.model_copy(update={"seed": 102}))
    assert (other.cached, len(calls)) == (False, 2)
    assert other.value != first.value


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("harm", ["deleted", "altered", "cut short"])
@pytest.mark.parametrize("entry", ["content", "record"])
def test_a_harmed_store_entry_is_noticed_and_worked_out_anew(
    harm: str, entry: str, prepared: Prepared, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = QUICK.model_copy(update={"seed": 103, "label_smoothing": len(harm) / 100 + (entry == "record") / 1000})
    calls = counted(monkeypatch, baseline, "fit")
    first = fit(prepared, workspace, spec)
    digest = first.value.content if entry == "content" else first.value.lineage[0].record
    place = workspace.store.path(digest)
    whole = place.read_bytes()
    if harm == "deleted":
        place.unlink()
    else:
        place.write_bytes(whole[:-3] if harm == "cut short" else bytes([whole[0] ^ 1]) + whole[1:])
    again = fit(prepared, workspace, spec)
    assert (again.cached, len(calls)) == (False, 2)
    # A record holds seconds, which differ; the weights do not.
    assert again.value.content == first.value.content
    assert all(workspace.store.holds(each) for each in asked.references(again.value))
    assert fit(prepared, workspace, spec).cached
    assert len(calls) == 2


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("harm", ["deleted", "cut short", "emptied"])
def test_a_harmed_record_of_an_answer_is_noticed_and_worked_out_anew(
    harm: str, prepared: Prepared, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH

    spec = QUICK.model_copy(update={"seed": 105, "label_smoothing": len(harm) / 100})
    calls = counted(monkeypatch, baseline, "fit")
    first = fit(prepared, workspace, spec)
    arguments = {"prepared": prepared, "model": SMALL, "augment": (), "spec": spec, "metric": "accuracy"}
    place = Path(PREFECT_LOCAL_STORAGE_PATH.value()) / asked.cache_key("fit", {**arguments, "workspace": workspace})
    whole = place.read_bytes()
    if harm == "deleted":
        place.unlink()
    else:
        place.write_bytes(whole[: len(whole) // 2] if harm == "cut short" else b"")
    again = fit(prepared, workspace, spec)
    assert (again.cached, len(calls)) == (False, 2)
    assert again.value.content == first.value.content
    assert fit(prepared, workspace, spec).cached


@pytest.mark.usefixtures("prefect_server")
def test_answers_keep_their_types(workspace: Workspace) -> None:
    spec = DataSpec(source="sklearn:iris")
    dataset = caching.run_cached(definitions.ingest, spec, "stamp", workspace).value
    again = caching.run_cached(definitions.ingest, spec, "stamp", workspace)
    assert again.cached
    assert again.value == dataset
    assert again.value.columns == dataset.columns
    assert isinstance(again.value.splits["train"], Split)
    assert caching.run_cached(definitions.preprocess, again.value, (), workspace).value.dataset == dataset


@pytest.mark.usefixtures("prefect_server")
def test_a_step_s_error_comes_out_as_it_is(workspace: Workspace) -> None:
    from tasks.core import InputError

    for _ in range(2):  # and it is not remembered as an answer
        with pytest.raises(InputError, match="sklearn:digits"):
            caching.run_cached(definitions.ingest, DataSpec(source="sklearn:digitz"), "stamp", workspace)


@pytest.mark.usefixtures("prefect_server")
def test_a_step_without_a_key_is_refused_before_it_works(
    prepared: Prepared, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(monkeypatch, preprocessing, "preprocess")
    with pytest.raises(TypeError, match="not JSON serializable"):
        caching.run_cached(definitions.preprocess, prepared.dataset, (object(),), workspace)
    assert calls == []


# --- what a crash must not take -------------------------------------------------------------------------------


def test_outside_a_run_nothing_is_kept(workspace: Workspace) -> None:
    assert caching.resumable(workspace) is None


@pytest.mark.usefixtures("prefect_server")
def test_a_killed_step_goes_on_and_leaves_nothing_behind(
    prepared: Prepared, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = TrainSpec(epochs=3, batch_size=16, seed=104)
    seen: list[tuple[str, int]] = []
    killed = True

    def each_epoch(*_: Any) -> Callable[[Any], None]:
        def on_epoch(epoch: Any) -> None:
            seen.append(("first" if killed else "second", epoch.number))
            if killed and epoch.number == 2:
                raise RuntimeError("pulled the plug")

        return on_epoch

    monkeypatch.setattr(definitions, "each_epoch", each_epoch)
    with pytest.raises(RuntimeError, match="pulled the plug"):
        fit(prepared, workspace, spec)
    assert [place.name.split("-")[0] for place in workspace.checkpoints.iterdir()] == ["fit"]
    killed = False
    answered = fit(prepared, workspace, spec)
    assert seen == [("first", 1), ("first", 2), ("second", 3)]
    assert not answered.cached
    assert list(workspace.checkpoints.iterdir()) == []


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("kind", ["recover", "distill"])
def test_a_killed_recovery_goes_on_and_the_same_again_comes_from_the_store(
    kind: str, prepared: Prepared, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    knobs: dict[str, Any] = {"epochs": 3, "batch_size": 16}
    if kind == "distill":
        knobs |= {"factory": "tasks.architectures:convnet", "arguments": {"width": 4, "depth": 1}}
    spec = {"recover": Recover, "distill": Distill}[kind].model_validate(knobs)
    baseline = small_runs.untrained(prepared, workspace.store, "tasks.architectures:convnet", width=8, depth=1)
    before = (baseline, baseline) if kind == "recover" else (baseline,)
    seen: list[int] = []
    killed = True

    def each_epoch(*_: Any) -> Callable[[Any], None]:
        def on_epoch(epoch: Any) -> None:
            seen.append(epoch.number)
            if killed and epoch.number == 2:
                raise RuntimeError("pulled the plug")

        return on_epoch

    def take() -> caching.Answered:
        return caching.run_cached(getattr(definitions, kind), *before, spec, prepared, (), "accuracy", workspace)

    monkeypatch.setattr(definitions, "each_epoch", each_epoch)
    with pytest.raises(RuntimeError, match="pulled the plug"):
        take()
    killed = False
    first, again = take(), take()
    assert seen == [1, 2, 3]
    assert (first.cached, again.cached) == (False, True)
    assert again.value == first.value
    assert list(workspace.checkpoints.iterdir()) == []


def test_discard_takes_files_and_folders_and_minds_nothing(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_text("x")
    (folder / "inside").mkdir(parents=True)
    for place in (file, folder, tmp_path / "nothing"):
        caching.discard(place)
        assert not place.exists()


# --- references and progress ----------------------------------------------------------------------------------


def test_references_name_everything_that_an_answer_needs(prepared: Prepared) -> None:
    made = dataclasses.replace(
        candidate(),
        lineage=(Step("train", 1, {}, None, "r1", None), Step("channels", 1, {}, "p2", None, "x")),
    )
    assert set(asked.references(made)) == {"1" * 64, "r1", "p2"}
    needed = set(asked.references(prepared))
    assert prepared.fitted in needed
    assert set(prepared.inputs.values()) <= needed
    assert {split.targets for split in prepared.dataset.splits.values()} <= needed
    assert list(asked.references({"a": latency(1.0)})) == []


def test_each_epoch_tells_the_best_so_far() -> None:
    from tasks.kernels.training.learning_curve import Epoch

    heard: list[Update] = []
    for metric, best in (("accuracy", "best 0.9000"), ("rmse", "best 0.5000")):
        heard.clear()
        with listening(heard.append):
            on_epoch = progress_artifacts.each_epoch(3, metric)
            for number, score in enumerate((0.5, 0.9, 0.7), start=1):
                on_epoch(Epoch(number, 1.0, 1.0, score, 0.1, 1.0))
        assert [(update.done, update.total) for update in heard] == [(1, 3), (2, 3), (3, 3)]
        assert best in heard[-1].note


def test_what_prefect_shows_of_a_search_is_a_table() -> None:
    assert progress_artifacts.described("train", Update(1, 3, "best 0.9")) == "train: best 0.9"
    assert progress_artifacts.described(
        "search", Update(7, 16, "best 0.9", {"trials done": "7 of 16", "best so far": "0.9"})
    ) == ("search\n\n| | |\n|---|---|\n| trials done | 7 of 16 |\n| best so far | 0.9 |\n")


def test_shown_outside_a_run_shows_nothing() -> None:
    with progress_artifacts.shown("work"):
        pass
