"""The trainable: the threads that a worker computes with, and what a trial that was restarted reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from tasks.core import Workspace, digest_of
from tasks.tuning.node_storage import NodeStorage
from tasks.tuning.trainable import REPORTS, TOLD, RayTrialContext, Report


@pytest.mark.parametrize("order", ["import torch; pin_threads(1)", "pin_threads(1); import torch"])
def test_threads_are_pinned_whether_torch_is_there_already_or_not(order: str) -> None:
    code = f"from tasks.tuning.trainable import pin_threads; {order}; print(torch.get_num_threads())"
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout == "1\n"


# --- a trial that was restarted -------------------------------------------------------------------------------


class FakeNodeStorage:
    """The folder of a trial; it counts how often it was saved."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.workspace = folder, Workspace(folder, "sqlite:///none")
        self.saved: list[list[Report]] = []
        """What `reports.json` held each time."""
        self.handed_over: list[str] = []

    def save(self) -> None:
        self.saved.append(reports_in(self.folder))

    def hand_over(self, digests: Any) -> None:
        self.handed_over += digests

    def visit(self, trial: str) -> Path:
        return self.folder.parent / trial


class Sent(list[dict[str, Any]]):
    """What `ray.tune.report` was called with: the trial's messages, and what Tune sees of each."""

    def __init__(self) -> None:
        super().__init__()
        self.results: list[dict[str, Any]] = []

    def report(self, result: dict[str, Any]) -> None:
        self.append(json.loads(result[TOLD]))
        self.results.append(result)


def reports_in(folder: Path) -> list[Report]:
    return [(epoch, score, measured) for epoch, score, measured in json.loads((folder / REPORTS).read_text())]


EARLIER: list[Report] = [(1, 0.25, {"drop": 0.5}), (2, 0.5, {"drop": 0.25})]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    messages = Sent()
    monkeypatch.setattr("ray.tune.report", messages.report)
    return messages


@pytest.fixture
def storage(tmp_path: Path) -> FakeNodeStorage:
    """The folder of a trial that reported two epochs before it was restarted."""
    (tmp_path / REPORTS).write_text(json.dumps(EARLIER))
    return FakeNodeStorage(tmp_path)


def start(storage: FakeNodeStorage) -> RayTrialContext:
    return RayTrialContext({}, storage.workspace, cast(NodeStorage, storage))


def test_a_report_is_saved_before_it_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = FakeNodeStorage(tmp_path)

    def die(result: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ray.tune.report", die)
    with pytest.raises(KeyboardInterrupt):
        start(storage).report(1, 0.25, {"drop": 0.5})
    assert storage.saved == [EARLIER[:1]]
    assert start(storage).curve == {1: 0.25}, "its next start knows of it"


def test_a_first_start_has_reported_nothing_before(tmp_path: Path, sent: Sent) -> None:
    context = start(FakeNodeStorage(tmp_path))
    assert context.curve == {}
    context.report(1, 0.25, {"drop": 0.5})
    context.report(2, 0.5, {"drop": 0.25})
    context.finish()
    assert [told["earlier"] for told in sent] == [[], [], []]
    assert [(told["epoch"], told["score"]) for told in sent] == [(1, 0.25), (2, 0.5), (2, 0.5)]
    assert [told.get("measured") for told in sent] == [{"drop": 0.5}, {"drop": 0.25}, None]
    assert [result.get("done", False) for result in sent.results] == [False, False, True]
    assert reports_in(tmp_path) == EARLIER


def test_what_an_earlier_start_reported_is_not_reported_again(storage: FakeNodeStorage, sent: Sent) -> None:
    context = start(storage)
    assert context.curve == {1: 0.25, 2: 0.5}
    for epoch, score, measured in EARLIER:
        context.report(epoch, score, measured)
    assert (sent, storage.saved) == ([], [])
    context.report(3, 0.75)
    assert [told["epoch"] for told in sent] == [3]
    assert storage.saved == [[*EARLIER, (3, 0.75, {})]]
    assert context.curve == {1: 0.25, 2: 0.5, 3: 0.75}


def test_what_an_earlier_start_reported_goes_out_once_with_the_first_message(
    storage: FakeNodeStorage, sent: Sent
) -> None:
    context = start(storage)
    context.report(3, 0.75)
    context.report(4, 0.5)
    context.finish()
    told = [[tuple(each) for each in message["earlier"]] for message in sent]
    assert told == [EARLIER, [], []]
    assert [message["epoch"] for message in sent] == [3, 4, 4]


def test_the_last_word_brings_the_earlier_reports_if_nothing_else_is_left_to_say(
    storage: FakeNodeStorage, sent: Sent
) -> None:
    start(storage).finish()
    (told,) = sent
    assert ([tuple(each) for each in told["earlier"]], told["reason"]) == (EARLIER, "")
    assert sent.results == [{"epoch": 2, "score": 0.5, "done": True, TOLD: json.dumps(told)}]


def test_an_answer_is_sent_with_an_epoch_that_was_reported_before(storage: FakeNodeStorage, sent: Sent) -> None:
    context = start(storage)
    context.report(*EARLIER[0])
    context.answer({"file": "a"}, needs=["digest"])
    context.report(*EARLIER[1])
    (told,) = sent
    assert (told["epoch"], told["score"], told["measured"], told["answer"]) == (2, 0.5, {"drop": 0.25}, {"file": "a"})
    assert [tuple(each) for each in told["earlier"]] == EARLIER
    assert storage.handed_over == ["digest"]


def test_a_report_at_epoch_0_is_sent_as_such_also_after_a_restart(storage: FakeNodeStorage, sent: Sent) -> None:
    """A branch that was in training may be given up when its time is measured anew."""
    context = start(storage)
    context.answer({"refusal": "given up"})
    context.report(0, -0.5, {"bound": 0.25})
    (told,) = sent
    assert (told["epoch"], told["score"], told["measured"]) == (0, -0.5, {"bound": 0.25})
    assert [(result["epoch"], result["score"]) for result in sent.results] == [(0, -0.5)]


def test_every_start_knows_the_reports_of_all_before_it(storage: FakeNodeStorage, sent: Sent) -> None:
    start(storage).report(3, 0.75)
    third = start(storage)
    third.report(3, 0.75)
    third.report(4, 1.0)
    assert [message["epoch"] for message in sent] == [3, 4]
    assert [tuple(each) for each in sent[-1]["earlier"]] == [*EARLIER, (3, 0.75, {})]


def test_the_folder_of_another_trial_is_that_of_its_point(storage: FakeNodeStorage) -> None:
    assert start(storage).folder_of({"x": 1}) == storage.folder.parent / digest_of({"x": 1})
