"""Raw inputs: float32 columns of a graph become float64 ones where the data need it, centred before all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def centers_of_inputs(centers: Mapping[str, float | None], matrix: str | None) -> dict[str, list[float]]:
    """Name of an input that is centred → the centers of its columns.

    Args:
        centers: column → its center; None for one that is not centred.
        matrix: name of the one input for all columns, in this order; None where each column is an input.
    """
    if matrix is None:
        return {name: [center] for name, center in centers.items() if center is not None}
    is_centred = any(center is not None for center in centers.values())
    return {matrix: [center or 0.0 for center in centers.values()]} if is_centred else {}


def centre_inputs(model: onnx.ModelProto, centers: Mapping[str, Sequence[float]]) -> onnx.ModelProto:
    """A copy whose named inputs are float64; a center, (columns,), is subtracted from each, and the rest is rounded.

    Args:
        model: its named inputs are float32, (batch, columns).
        centers: input name → what is subtracted from its columns in 64 bits.
    """
    found = onnx.ModelProto()
    found.CopyFrom(model)
    graph, nodes = found.graph, []
    for name, center in centers.items():
        rounded = f"{name}/centred"
        for node in graph.node:
            node.input[:] = [rounded if each == name else each for each in node.input]
        values = np.array([list(center)], dtype=np.float64)
        graph.initializer.append(numpy_helper.from_array(values, f"{name}/center"))
        nodes.append(helper.make_node("Sub", [name, f"{name}/center"], [f"{name}/exact"], name=f"{name}/Sub"))
        nodes.append(helper.make_node("Cast", [f"{name}/exact"], [rounded], name=f"{name}/Cast", to=TensorProto.FLOAT))
        next(each for each in graph.input if each.name == name).type.tensor_type.elem_type = TensorProto.DOUBLE
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])
    return found
