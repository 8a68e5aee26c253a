"""Monitor state: which batches and labels have been counted since the champion became one; a new one begins anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import InputError
from tasks.kernels.statistics.mean_sequence import MeanSequence, extend_sequence
from tasks.monitoring.harm import begin_harm, shares_of_cap
from tasks.monitoring.monitor_spec import MonitorSpec
from tasks.monitoring.reference_profile import LossReference
from tasks.monitoring.stored_record import read_record


@dataclass(frozen=True)
class SeenBatch:
    """One batch."""

    digest: str
    rows: int
    labelled: str = ""
    """The rows whose labels have been counted, as bits in hexadecimal, the first row's highest. Empty: none."""


@dataclass(frozen=True)
class MonitorState:
    """What a monitor remembers of one champion."""

    champion: str
    """What tells it from others: a version, or a digest."""
    batches: tuple[SeenBatch, ...] = ()
    """In the order of their coming; the place of a batch, from 1, is the number of its look."""
    harm: MeanSequence | None = None
    """None where the champion has no reference loss."""

    @property
    def record(self) -> dict[str, Any]:
        """The state as JSON."""
        return asdict(self)

    def look_of(self, digest: str) -> int:
        """The number of a batch's look, from 1; 0 where it has not come."""
        return next((place for place, batch in enumerate(self.batches, 1) if batch.digest == digest), 0)


def begin_state(champion: str, loss: LossReference | None, spec: MonitorSpec) -> MonitorState:
    """The state of a champion of which nothing has been seen.

    Raises:
        InputError: the tolerance is so large that no loss would exceed it.
    """
    return MonitorState(champion, (), None if loss is None else begin_harm(loss, spec))


def read_state(record: Mapping[str, Any]) -> MonitorState:
    """The state of a record.

    Raises:
        InputError: it is no record of a state.
    """
    return read_record(MonitorState, record, "a monitor's state")


def add_batch(state: MonitorState, digest: str, rows: int) -> MonitorState:
    """The state with one more batch; unchanged where the batch has come before."""
    if state.look_of(digest):
        return state
    return replace(state, batches=(*state.batches, SeenBatch(digest, rows)))


def count_losses(
    state: MonitorState, digest: str, rows: NDArray[np.int64], losses: NDArray[np.generic], reference: LossReference
) -> MonitorState:
    """The state after labels for rows of a batch have come; rows whose labels were counted before do not count again.

    Args:
        state: has the batch, and a sequence of harm.
        digest: of the batch.
        rows: places of the labelled rows in the batch, each once.
        losses: the champion's losses, in the same order.
        reference: of the champion.

    Raises:
        InputError: the batch has not come, or has no such row, or the champion has no reference loss.
    """
    place = state.look_of(digest) - 1
    if place < 0 or state.harm is None:
        missing = "a reference loss of the champion" if place >= 0 else "their batch"
        raise InputError(f"labels need {missing}", path="labels")
    batch = state.batches[place]
    if len(rows) and not (rows.min() >= 0 and rows.max() < batch.rows):
        raise InputError(f"labels must be of the batch's {batch.rows} rows", path="labels", value=int(rows.max()))
    marks = _marks(batch)
    new = ~marks[rows]
    marks[rows] = True
    counted = replace(batch, labelled=np.packbits(marks).tobytes().hex())
    sequence = extend_sequence(state.harm, shares_of_cap(losses[new], reference))
    return replace(state, batches=(*state.batches[:place], counted, *state.batches[place + 1 :]), harm=sequence)


def unlabelled_rows(batch: SeenBatch) -> NDArray[np.int64]:
    """Places of the rows of which no label has come."""
    return np.flatnonzero(~_marks(batch))


def join_labels(ids: Sequence[object], labelled: Sequence[object]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(rows, labels): which row of a batch each label belongs to; both are places, in the labels' order.

    Ids are compared as text; empty text names no row. Labels of rows that the batch has not are left out: they may
    belong to another batch.

    Args:
        ids: of the batch's rows.
        labelled: ids of the labels.

    Raises:
        InputError: an id stands twice on a side.
    """
    places = _places(ids, "data.id")
    found = [(places[name], label) for name, label in _places(labelled, "labels").items() if name in places]
    pairs = np.array(found, np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _places(ids: Sequence[object], path: str) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, name in enumerate(ids):
        if str(name) and places.setdefault(str(name), place) != place:
            raise InputError("an id must name one row", path=path, value=str(name))
    return places


def _marks(batch: SeenBatch) -> NDArray[np.bool_]:
    """Whether each row's label has been counted, (rows,)."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(batch.labelled), np.uint8))[: batch.rows]
    return bits.astype(np.bool_) if len(bits) else np.zeros(batch.rows, np.bool_)
