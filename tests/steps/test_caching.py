"""Caching: an answer is trusted only while what it refers to is whole."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import task
from prefect.client.schemas.objects import State, StateType

from tasks.core import (
    Candidate,
    Context,
    InputError,
    Prepared,
    Refusal,
    Split,
    Step,
    Update,
    Workspace,
    cache_key,
    silent,
)
from tasks.data import ingestion, preprocessing
from tasks.data.data_spec import DataSpec
from tasks.models.model_spec import ModelSpec
from tasks.steps import caching
from tasks.steps.definitions import STEPS
from tasks.training import baseline
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs

SMALL = ModelSpec(arguments={"width": 4, "depth": 1})
QUICK = TrainSpec(epochs=1, batch_size=16)


def counted(monkeypatch: pytest.MonkeyPatch, verb: Callable[..., Any]) -> list[str]:
    """Counts the calls of a verb by its task; the verb goes on as it was."""
    calls: list[str] = []

    @functools.wraps(verb)
    def count(*arguments: Any, **named: Any) -> Any:
        calls.append(verb.__name__)
        return verb(*arguments, **named)

    monkeypatch.setattr(STEPS[verb], "fn", count)
    return calls


def run(verb: Callable[..., Any], workspace: Workspace, **arguments: Any) -> caching.Answered:
    return caching.run_cached(STEPS[verb], arguments, workspace, silent)


def arguments_of_fit(prepared: Prepared, workspace: Workspace, spec: TrainSpec) -> dict[str, Any]:
    return {"model": SMALL, "spec": spec, "inputs": TrainingInputs(prepared), "context": Context(workspace)}


def fit(prepared: Prepared, workspace: Workspace, spec: TrainSpec = QUICK) -> caching.Answered:
    return run(baseline.fit, workspace, **arguments_of_fit(prepared, workspace, spec))


@pytest.mark.usefixtures("prefect_server")
def test_the_same_call_again_is_answered_from_the_store(
    prepared: Prepared, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = QUICK.model_copy(update={"seed": 101})
    calls = counted(monkeypatch, baseline.fit)
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
    calls = counted(monkeypatch, baseline.fit)
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
    calls = counted(monkeypatch, baseline.fit)
    first = fit(prepared, workspace, spec)
    key = cache_key.cache_key("fit", arguments_of_fit(prepared, workspace, spec))
    place = Path(PREFECT_LOCAL_STORAGE_PATH.value()) / key
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
    asked: dict[str, Any] = {"spec": DataSpec(source="sklearn:iris"), "stamp": "stamp", "context": Context(workspace)}
    dataset = run(ingestion.ingest, workspace, **asked).value
    again = run(ingestion.ingest, workspace, **asked)
    assert again.cached
    assert again.value == dataset
    assert again.value.columns == dataset.columns
    assert isinstance(again.value.splits["train"], Split)
    prepared = run(preprocessing.preprocess, workspace, dataset=again.value, steps=(), store=workspace.store).value
    assert prepared.dataset == dataset


@pytest.mark.usefixtures("prefect_server")
def test_a_step_s_error_comes_out_as_it_is(workspace: Workspace) -> None:
    spec = DataSpec(source="sklearn:digitz")
    for _ in range(2):  # and it is not remembered as an answer
        with pytest.raises(InputError, match="sklearn:digits"):
            run(ingestion.ingest, workspace, spec=spec, stamp="stamp", context=Context(workspace))


@pytest.mark.usefixtures("prefect_server")
def test_a_refusal_is_an_answer_and_is_not_stored(workspace: Workspace) -> None:
    calls: list[int] = []
    seen: list[State[Any]] = []

    def halve(number: int) -> int:
        calls.append(number)
        if number % 2:
            raise Refusal(f"halve: {number} is odd")
        return number // 2

    step = caching.cached_task(halve, "halve").with_options(on_completion=[lambda task, run, state: seen.append(state)])
    for _ in range(2):
        with pytest.raises(Refusal, match="halve: 7 is odd"):
            caching.run_cached(step, {"number": 7}, workspace, silent)
    assert [(state.type, state.name, state.message) for state in seen] == [
        (StateType.COMPLETED, "Refused", "halve: 7 is odd")
    ] * 2
    answers = [caching.run_cached(step, {"number": 8}, workspace, silent) for _ in range(2)]
    assert [(answer.value, answer.cached) for answer in answers] == [(4, False), (4, True)]
    assert calls == [7, 7, 8], "a refusal is asked anew, an answer is remembered"


@pytest.mark.usefixtures("prefect_server")
def test_a_step_without_a_key_is_refused_before_it_works(
    prepared: Prepared, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(monkeypatch, preprocessing.preprocess)
    given: dict[str, Any] = {"dataset": prepared.dataset, "steps": (object(),), "store": workspace.store}
    with pytest.raises(TypeError, match="not JSON serializable"):
        run(preprocessing.preprocess, workspace, **given)
    assert calls == []


@pytest.mark.usefixtures("prefect_server")
def test_every_question_has_a_checkpoint_of_its_own_and_the_context_knows_it_and_the_listener(
    workspace: Workspace,
) -> None:
    contexts: list[Context] = []
    heard: list[Update] = []

    @task(**caching.CACHED, name="look")
    def look(number: int, context: Context) -> int:
        contexts.append(context)
        context.progress(Update(number, 2))
        assert context.checkpoint is not None
        context.checkpoint.parent.mkdir(exist_ok=True)
        context.checkpoint.write_text("under way")
        return number

    asked: list[dict[str, Any]] = [{"number": number, "context": Context(workspace)} for number in (1, 2)]
    answers = [caching.run_cached(look, arguments, workspace, heard.append) for arguments in (*asked, asked[0])]
    assert [(answer.value, answer.cached) for answer in answers] == [(1, False), (2, False), (1, True)]
    assert [context.checkpoint for context in contexts] == [
        workspace.checkpoints / cache_key.cache_key("look", arguments) for arguments in asked
    ]
    assert [context.workspace for context in contexts] == [workspace] * 2
    assert heard == [Update(1, 2), Update(2, 2)], "what comes from the store says nothing"
    assert Context(workspace).checkpoint is None, "outside of a run nothing is kept"
    assert list(workspace.checkpoints.iterdir()) == [], "nor after it"


def test_discard_takes_files_and_folders_and_minds_nothing(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_text("x")
    (folder / "inside").mkdir(parents=True)
    for place in (file, folder, tmp_path / "nothing"):
        caching.discard(place)
        assert not place.exists()
