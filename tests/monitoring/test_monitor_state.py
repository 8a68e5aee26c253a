"""Monitor state: a batch and a label count once, also those that come late, and after a way through JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tasks.core import InputError
from tasks.monitoring.monitor_spec import MonitorSpec
from tasks.monitoring.monitor_state import (
    MonitorState,
    add_batch,
    begin_state,
    count_losses,
    join_labels,
    read_state,
    unlabelled_rows,
)
from tasks.monitoring.reference_profile import describe_losses

REFERENCE = describe_losses(np.array([0.0] * 180 + [1.0] * 20))
LOSSES = np.array([0.0, 1.0, 0.0, 1.0])


def begun() -> MonitorState:
    return add_batch(begin_state("3", REFERENCE, MonitorSpec()), "first", 4)


def counted(state: MonitorState, rows: list[int], digest: str = "first") -> MonitorState:
    return count_losses(state, digest, np.array(rows, np.int64), LOSSES[rows], REFERENCE)


def seen(state: MonitorState) -> tuple[int, float]:
    assert state.harm is not None
    return state.harm.n, state.harm.total


def test_a_batch_given_twice_counts_once() -> None:
    state = begun()
    assert add_batch(state, "first", 4) == state
    assert add_batch(state, "second", 9).look_of("second") == 2
    assert (state.look_of("first"), state.look_of("second")) == (1, 0)


def test_labels_count_as_they_come_and_once() -> None:
    early = counted(begun(), [0, 3])
    assert seen(early) == (2, 1.0)
    assert unlabelled_rows(early.batches[0]).tolist() == [1, 2]
    late = counted(early, [3, 1, 0])
    assert seen(late) == (3, 2.0)
    assert unlabelled_rows(late.batches[0]).tolist() == [2]
    assert counted(late, [0, 1, 3]) == late


def test_a_state_goes_through_json() -> None:
    state = counted(begun(), [0, 3])
    again = read_state(json.loads(json.dumps(state.record)))
    assert again == state
    assert counted(again, [1]) == counted(state, [1])


def test_an_altered_state_is_named() -> None:
    with pytest.raises(InputError, match="champion: must be a monitor's state; it was altered"):
        read_state({"batches": []})


@pytest.mark.parametrize(
    ("state", "digest", "rows", "told"),
    [
        (begun(), "other", [0], "labels: labels need their batch"),
        (add_batch(MonitorState("3"), "first", 4), "first", [0], "labels need a reference loss of the champion"),
        (
            add_batch(begin_state("3", REFERENCE, MonitorSpec()), "first", 2),
            "first",
            [3],
            "must be of the batch's 2 rows",
        ),
    ],
)
def test_labels_that_belong_to_nothing(state: MonitorState, digest: str, rows: list[int], told: str) -> None:
    with pytest.raises(InputError, match=told):
        counted(state, rows, digest)


def test_labels_join_by_id() -> None:
    rows, labels = join_labels(["a", "b", "c", 4], ["c", "zz", "4"])
    assert (rows.tolist(), labels.tolist()) == ([2, 3], [0, 2])
    assert [found.tolist() for found in join_labels(["a"], ["b"])] == [[], []]


@pytest.mark.parametrize(("ids", "labelled", "path"), [(["a", "a"], [], "data.id"), (["a"], ["b", "b"], "labels")])
def test_an_id_names_one_row(ids: list[str], labelled: list[str], path: str) -> None:
    with pytest.raises(InputError, match=f"{path}: an id must name one row"):
        join_labels(ids, labelled)
