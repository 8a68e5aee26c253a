"""Target map: a monotone map of a regression's targets to numbers that are easier to predict, and its inverse.

The inverse of a mean of logarithms is nearer to the median than to the mean: it is good in absolute error, and low in
squared error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
MOST = 80.0
"""The largest logarithm that becomes a number again; float32 ends at 88."""
KNOTS = 100
"""Most knots of a piecewise-linear map."""


@dataclass(frozen=True)
class TargetMap:
    """A fitted map."""

    method: Literal["log", "quantile"]
    """`log`: log(1 + target). `quantile`: linear between knots."""
    places: tuple[float, ...]
    """Mapped numbers, rising: of a log the least and the greatest that become targets again; else those of the knots.
    What lies outside of them counts as the nearest."""
    values: tuple[float, ...] = ()
    """The knots in the data's unit, rising."""

    @property
    def record(self) -> dict[str, Any]:
        """The map as JSON."""
        return {"method": self.method, "places": list(self.places), "values": list(self.values)}

    def transform(self, targets: NDArray[Any]) -> Doubles:
        """Targets → mapped numbers, of the same shape; targets below those of a log count as the least."""
        values = np.asarray(targets, np.float64)
        if self.method == "log":
            return np.asarray(np.log1p(np.maximum(values, 0)))
        return np.asarray(np.interp(values, self.values, self.places))

    def restore(self, answers: NDArray[Any]) -> Doubles:
        """Mapped numbers → numbers in the data's unit, of the same shape."""
        found = np.clip(np.asarray(answers, np.float64), self.places[0], self.places[-1])
        if self.method == "log":
            return np.asarray(np.expm1(found))
        return np.asarray(np.interp(found, self.places, self.values))


def read_map(record: Mapping[str, Any]) -> TargetMap:
    """The map of a record."""
    return TargetMap(record["method"], tuple(record["places"]), tuple(record["values"]))


def fit_log(targets: NDArray[Any]) -> TargetMap:
    """The logarithm of 1 + target, for targets (count,) that are none below 0.

    Answers above the train split's greatest target are cut off only one range of logarithms beyond it.
    """
    logs = np.log1p(np.asarray(targets, np.float64))
    return TargetMap("log", (0.0, float(min(logs.max() + max(np.ptp(logs), 1.0), MOST))))


def fit_quantiles(targets: NDArray[Any], is_normal: bool) -> TargetMap:
    """The targets' ranks from 0 to 1, or the normal distribution's numbers of these ranks; for two targets or more.

    Knots lie evenly among the mapped numbers, so that a normal map has many where the targets are rare. A target that
    many rows have is one knot in the middle of its ranks.
    """
    from scipy.stats import norm

    values = np.asarray(targets, np.float64)
    count = min(KNOTS, len(values))
    if is_normal:
        end = norm.isf(0.5 / len(values))
        places = np.linspace(-end, end, count)
        shares = norm.cdf(places)
    else:
        places = shares = np.linspace(0, 1, count)
    knots = np.quantile(values, shares)
    knots[0], knots[-1] = values.min(), values.max()
    distinct, inverse = np.unique(knots, return_inverse=True)
    middles = np.bincount(inverse, weights=places) / np.bincount(inverse)
    return TargetMap("quantile", tuple(middles.tolist()), tuple(distinct.tolist()))


def target_record(target_map: TargetMap | None, targets: NDArray[Any]) -> dict[str, Any]:
    """What standardizes the mapped targets, as JSON: `mean`, `std`; with a map also `map` and the targets' own
    `deviation`."""
    raw = np.asarray(targets, np.float64)
    mapped = raw if target_map is None else target_map.transform(raw)
    found: dict[str, Any] = {"mean": float(mapped.mean()), "std": float(mapped.std()) or 1.0}
    if target_map is None:
        return found
    return {**found, "map": target_map.record, "deviation": float(raw.std()) or 1.0}


def standardize_targets(targets: NDArray[Any], record: Mapping[str, Any]) -> Doubles:
    """Targets as a network learns them, by a `target_record`."""
    values = np.asarray(targets, np.float64)
    mapped = read_map(record["map"]).transform(values) if "map" in record else values
    return np.asarray((mapped - record["mean"]) / record["std"])


def in_data_unit(answers: NDArray[Any], record: Mapping[str, Any]) -> Doubles:
    """A network's answers in the data's unit, by a `target_record`."""
    found = np.asarray(answers, np.float64) * record["std"] + record["mean"]
    return read_map(record["map"]).restore(found) if "map" in record else found
