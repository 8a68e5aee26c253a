"""Caching: an answer is trusted only while what it refers to is whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.core import Candidate, Prepared, Split, Step, Workspace, cache_key
from tasks.data import preprocessing
from tasks.data.data_spec import DataSpec
from tasks.models.model_spec import ModelSpec
from tasks.steps import caching, definitions
from tasks.training import baseline
from tasks.training.train_spec import TrainSpec

SMALL = ModelSpec(arguments={"width": 4, "depth": 1})
QUICK = TrainSpec(epochs=1, batch_size=16)


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[str]:
    """Counts the calls of a verb, which goes on as it was."""
    calls: list[str] = []
    verb: Callable[..., Any] = getattr(module, name)

    def count(*arguments: Any, **named: Any) -> Any:
        calls.append(name)
        return verb(*arguments, **named)

    monkeypatch.setattr(module, name, count)
    return calls


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
    assert all(workspace.store.holds(each) for each in cache_key.references(again.value))
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
    place = Path(PREFECT_LOCAL_STORAGE_PATH.value()) / cache_key.cache_key("fit", {**arguments, "workspace": workspace})
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


def test_outside_a_run_nothing_is_kept(workspace: Workspace) -> None:
    assert caching.resumable(workspace) is None


def test_discard_takes_files_and_folders_and_minds_nothing(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_text("x")
    (folder / "inside").mkdir(parents=True)
    for place in (file, folder, tmp_path / "nothing"):
        caching.discard(place)
        assert not place.exists()
