"""Streams: a table in time order, of which each day is predicted before it is learned from, under rules of retraining.

Every rule has the same model, fitted on the same window of days before; the first window is not scored. A rule says
after each day, whose labels have then come, whether the model is fitted again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.core import InputError
from tasks.monitoring.drift import compare_column
from tasks.monitoring.harm import look_for_harm
from tasks.monitoring.monitor_spec import MonitorSpec
from tasks.monitoring.monitor_state import MonitorState, add_batch, begin_state, count_losses
from tasks.monitoring.reference_profile import describe_columns, describe_losses

WINDOW = 90
"""Days that a model is fitted on."""
HELD = 0.2
"""Share of the window, its latest part, that the reference loss is of: of a model fitted on the rest."""


@dataclass(frozen=True)
class Stream:
    """A table in time order."""

    rows: pd.DataFrame
    labels: NDArray[np.int64]
    a_day: int
    """Rows of one day."""

    @property
    def days(self) -> int:
        """The number of whole days."""
        return len(self.labels) // self.a_day

    def of(self, first: int, last: int) -> slice:
        """The rows of the days from `first` to before `last`."""
        return slice(first * self.a_day, last * self.a_day)


class Rule(Protocol):
    """When to fit again."""

    def begin(self, stream: Stream, day: int) -> None:
        """A model was fitted on the window before this day."""

    def is_due(self, stream: Stream, day: int, mistakes: NDArray[np.float64]) -> bool:
        """Whether to fit again after this day, with the mistakes (rows,) that were made on it."""


@dataclass
class Schedule:
    """Every so many days; None: never."""

    every: int | None
    _begun: int = 0

    def begin(self, stream: Stream, day: int) -> None:
        """Remembers the day."""
        self._begun = day

    def is_due(self, stream: Stream, day: int, mistakes: NDArray[np.float64]) -> bool:
        """Whether the time is over."""
        return self.every is not None and day + 1 - self._begun >= self.every


class OnHarm:
    """When the monitor's look at harm acts."""

    def __init__(self, spec: MonitorSpec) -> None:
        self.spec = spec

    def begin(self, stream: Stream, day: int) -> None:
        """Takes the reference loss from the latest part of the window."""
        cut = day - round(HELD * WINDOW)
        model, held = fitted(stream, day - WINDOW, cut), stream.of(cut, day)
        self.reference = describe_losses((model.predict(stream.rows[held]) != stream.labels[held]).astype(np.float64))
        try:
            self.state: MonitorState | None = begin_state(str(day), self.reference, self.spec)
        except InputError:  # the model before the latest part was all wrong in it
            self.state = None

    def is_due(self, stream: Stream, day: int, mistakes: NDArray[np.float64]) -> bool:
        """Whether harm is proven; also where the reference is so bad that no loss would exceed it."""
        if self.state is None:
            return True
        self.state = add_batch(self.state, str(day), len(mistakes))
        self.state = count_losses(self.state, str(day), np.arange(len(mistakes)), mistakes, self.reference)
        assert self.state.harm is not None
        return look_for_harm(self.state.harm, self.reference, self.spec).level == "act"


class OnHalfOfColumns:
    """When half of the day's columns have p < 0.05 against the window, uncorrected."""

    def begin(self, stream: Stream, day: int) -> None:
        """Describes the window."""
        self.columns = describe_columns(stream.rows[stream.of(day - WINDOW, day)])

    def is_due(self, stream: Stream, day: int, mistakes: NDArray[np.float64]) -> bool:
        """Whether half of them have."""
        rows = stream.rows[stream.of(day, day + 1)]
        low = [compare_column(column, rows[column.name].to_numpy()).p_value < 0.05 for column in self.columns]
        return 2 * sum(low) >= len(low)


def read_elec2(data: Path) -> Stream:
    """Half-hours of the electricity market of New South Wales (Harries 1999): does the price rise?"""
    table = pd.read_csv(data / "elec2" / "elec.csv")
    return Stream(table.drop(columns="class"), table["class"].to_numpy().astype(np.int64), 48)


def read_adult(data: Path) -> Stream:
    """Persons of the census of 1994 (Becker and Kohavi 1996) in the order of the files, 130 a day: nothing drifts.

    Text is coded by its place in the alphabet.
    """
    files = [
        pd.read_csv(data / "adult" / f"adult.{part}", header=None, na_values="?", skipinitialspace=True)
        for part in ("data", "test")
    ]
    table = pd.concat(files, ignore_index=True)
    rich = table.pop(table.columns[-1]).str.startswith(">50K")
    coded = {}
    for place, column in table.items():
        codes = column.astype("category").cat.codes.astype(np.float64)
        coded[f"column {place}"] = column if column.dtype.kind in "if" else codes.mask(codes < 0)
    return Stream(pd.DataFrame(coded, dtype=np.float64), rich.to_numpy().astype(np.int64), 130)


STREAMS: Mapping[str, Callable[[Path], Stream]] = {"elec2": read_elec2, "adult": read_adult}


def fitted(stream: Stream, first: int, last: int) -> Any:
    """A boosted model of the days from `first` to before `last`."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    days = stream.of(first, last)
    return HistGradientBoostingClassifier(max_iter=50, random_state=0).fit(stream.rows[days], stream.labels[days])


def followed(stream: Stream, rule: Rule) -> tuple[NDArray[np.float64], int, float]:
    """(right, fits, seconds): whether each scored row was right, how often the model was fitted again, and the time."""
    started, right, fits = time.process_time(), [], 0
    model = fitted(stream, 0, WINDOW)
    rule.begin(stream, WINDOW)
    for day in range(WINDOW, stream.days):
        days = stream.of(day, day + 1)
        found = (model.predict(stream.rows[days]) == stream.labels[days]).astype(np.float64)
        right.append(found)
        if rule.is_due(stream, day, 1 - found) and day + 1 < stream.days:
            model, fits = fitted(stream, day + 1 - WINDOW, day + 1), fits + 1
            rule.begin(stream, day + 1)
    return np.concatenate(right), fits, time.process_time() - started


def repeated(stream: Stream) -> NDArray[np.float64]:
    """Whether repeating the label before is right, on the scored rows."""
    first, end = stream.of(WINDOW, stream.days).start, stream.days * stream.a_day
    return np.asarray(stream.labels[first:end] == stream.labels[first - 1 : end - 1], np.float64)


RULES: Mapping[str, Callable[[], Rule]] = {
    "never": lambda: Schedule(None),
    "every quarter": lambda: Schedule(91),
    "every month": lambda: Schedule(30),
    "every week": lambda: Schedule(7),
    "every day": lambda: Schedule(1),
    "on harm, tolerance 0.05": lambda: OnHarm(MonitorSpec(tolerance=0.05)),
    "on harm": lambda: OnHarm(MonitorSpec()),
    "half of the columns p < 0.05": OnHalfOfColumns,
}


def stream_rows(stream: Stream) -> Iterator[dict[str, Any]]:
    """A row for each rule: accuracy and its difference to `on harm`, with 95 % intervals by blocks of a week."""
    results = {name: followed(stream, begin()) for name, begin in RULES.items()}
    ours, ours_fits, _ = results["on harm"]
    scored = stream.days - WINDOW
    if ours_fits:
        for times in (1, 2):
            name = f"a schedule of {times} × {ours_fits} fits"
            results[name] = followed(stream, Schedule(max(1, round(scored / (times * ours_fits + 1)))))
    results["the label before"] = repeated(stream), 0, 0.0
    for name, (right, fits, seconds) in results.items():
        yield {
            "rule": name,
            "accuracy": in_blocks(right, 7 * stream.a_day),
            "minus on harm": in_blocks(right - ours, 7 * stream.a_day),
            "fits": fits,
            "seconds": seconds,
            "n": len(right),
        }


def in_blocks(values: NDArray[np.float64], size: int, resamples: int = 2000) -> tuple[float, float, float]:
    """(mean, low, high) of values in time order: a 95 % interval by a bootstrap of whole blocks."""
    starts = range(0, len(values), size)
    sums = np.array([values[start : start + size].sum() for start in starts])
    counts = np.array([len(values[start : start + size]) for start in starts])
    drawn = np.random.default_rng(0).integers(0, len(sums), (resamples, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)
