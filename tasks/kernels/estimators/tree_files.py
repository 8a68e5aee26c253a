"""Tree files: the tree ensemble of an ONNX file, the rows that it reads, and the file with another ensemble."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray

from tasks.kernels.estimators.tree_ensembles import (
    Floats,
    TreeEnsemble,
    find_ensembles,
    read_ensemble,
    write_ensemble,
)
from tasks.kernels.estimators.tree_evaluation import Doubles
from tasks.kernels.onnx.serialization import dump, load_proto, session_with_outputs
from tasks.kernels.onnx.sessions import Array

SWAPPED = 0.3
"""Share of a mixed row's cells that come from other rows."""


def ensemble_of(model: bytes) -> TreeEnsemble:
    """The file's tree ensemble.

    Raises:
        ValueError: there is none, or more than one, or one that cannot be read; the sentence says which.
    """
    return read_ensemble(_only(load_proto(model)))


def name_of(model: bytes) -> str:
    """The name of the tree ensemble's operator. Raises ValueError as `ensemble_of` does."""
    node = _only(load_proto(model))
    return str(node.name or node.op_type)


def _only(proto: onnx.ModelProto) -> onnx.NodeProto:
    nodes = find_ensembles(proto)
    if len(nodes) != 1:
        raise ValueError(
            f"the file has {len(nodes) or 'no'} tree ensemble{'s' if nodes else ''}, and exactly one is pruned"
        )
    return nodes[0]


def rows_read(model: bytes, inputs: Mapping[str, Array]) -> Floats:
    """What the ensemble reads for raw inputs by name: (rows, columns). Raises ValueError for double precision."""
    proto = load_proto(model)
    rows: Array = _run(proto, _only(proto).input[0], inputs)
    if rows.dtype == np.float64:
        raise ValueError("it reads numbers in double precision, and only single precision is pruned")
    return rows.astype(np.float32)


def scores_given(model: bytes, inputs: Mapping[str, Array]) -> Doubles:
    """What the runtime's ensemble answers for raw inputs by name: (rows, outputs)."""
    proto = load_proto(model)
    return np.asarray(_run(proto, _only(proto).output[-1], inputs), np.float64)


def _run(proto: onnx.ModelProto, name: str, inputs: Mapping[str, Array]) -> NDArray[np.generic]:
    if name in inputs:
        return np.asarray(inputs[name])
    session = session_with_outputs(proto, [name])
    fixed, count = session.get_inputs()[0].shape[:1], len(next(iter(inputs.values())))
    step = fixed[0] if fixed and isinstance(fixed[0], int) else count
    parts = range(0, count - count % step, step)
    found = [session.run([name], {key: array[at : at + step] for key, array in inputs.items()})[0] for at in parts]
    return np.concatenate(found)


def with_ensemble(model: bytes, ensemble: TreeEnsemble) -> bytes:
    """The file with this ensemble in the place of its own; all else stays. Raises ValueError as `ensemble_of`."""
    proto = load_proto(model)
    node = _only(proto)
    node.CopyFrom(write_ensemble(node, ensemble))
    return dump(proto)


def mix_rows(inputs: Mapping[str, Array], count: int) -> dict[str, Array]:
    """`count` new rows: rows of the inputs in which a share SWAPPED of the cells come from other rows. Deterministic.

    They show an ensemble's answers where few examples lie; nothing is known of their targets.
    """
    draw = np.random.default_rng(0)
    known = len(next(iter(inputs.values())))
    base = draw.integers(0, known, count)
    mixed = {}
    for name, array in inputs.items():
        cells = array.reshape(known, -1)
        new = cells[base]
        for column in range(cells.shape[1]):
            other = np.flatnonzero(draw.random(count) < SWAPPED)
            new[other, column] = cells[draw.integers(0, known, len(other)), column]
        mixed[name] = new.reshape(count, *array.shape[1:])
    return mixed
