"""Target nodes: the inverse of a target map as operators behind a regression's answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tasks.kernels.statistics.target_map import TargetMap

_CASTS = {"Cast": {"to": TensorProto.INT64}, "ReduceSum": {"keepdims": 1}, "Gather": {"axis": 0}}
"""Attributes of the operators."""


def restore_nodes(
    target_map: TargetMap, taken: str, given: str, prefix: str
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """The operators (of set 13 or later) and constants from mapped numbers to the data's unit.

    Args:
        target_map: the fitted map.
        taken: name of the mapped numbers, float32 (batch, 1).
        given: name that the answers get, float32 (batch, 1).
        prefix: begins the names of all else.
    """
    ends: dict[str, NDArray[Any]] = {
        "least": np.array(target_map.places[0], np.float32),
        "greatest": np.array(target_map.places[-1], np.float32),
    }
    clip = [("Clip", (taken, "least", "greatest"), "bounded")]
    if target_map.method == "log":
        steps = [*clip, ("Exp", ("bounded",), "grown"), ("Sub", ("grown", "one"), given)]
        return _named(steps, {**ends, "one": np.array(1, np.float32)}, prefix, {taken, given})
    steps = [
        *clip,
        ("GreaterOrEqual", ("bounded", "places"), "reached"),
        ("Cast", ("reached",), "counts"),
        ("ReduceSum", ("counts", "axis"), "place"),
        *((("Gather", (table, "place"), name)) for table, name in _TABLES.items()),
        ("Sub", ("bounded", "start"), "distance"),
        ("Mul", ("slope", "distance"), "rise"),
        ("Add", ("value", "rise"), given),
    ]
    return _named(steps, {**ends, **_tables(target_map)}, prefix, {taken, given})


_TABLES = {"starts": "start", "values": "value", "slopes": "slope"}
"""Table of the intervals → what is read from it."""


def _tables(target_map: TargetMap) -> Mapping[str, NDArray[Any]]:
    """Tables by the number of places that a mapped number has reached, from 0 (none) to all."""
    places, values = (np.array(each, np.float64) for each in (target_map.places, target_map.values))
    slopes = np.append(np.diff(values) / np.diff(places), 0.0)
    tables = {name: np.r_[each[0], each] for name, each in zip(_TABLES, (places, values, slopes), strict=True)}
    found: dict[str, NDArray[Any]] = {name: each.astype(np.float32) for name, each in tables.items()}
    return {**found, "places": places.astype(np.float32)[None], "axis": np.array([1])}


def _named(
    steps: list[tuple[str, tuple[str, ...], str]],
    constants: Mapping[str, NDArray[Any]],
    prefix: str,
    outer: set[str],
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    def own(name: str) -> str:
        return name if name in outer else f"{prefix}{name}"

    nodes = [
        helper.make_node(kind, [own(each) for each in read], [own(made)], own(f"node_{made}"), **_CASTS.get(kind, {}))
        for kind, read, made in steps
    ]
    return nodes, [numpy_helper.from_array(array, own(name)) for name, array in constants.items()]
