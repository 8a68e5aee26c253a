"""Class numbers: a converted classifier with classes of its own answers in the order of other names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tasks.kernels.estimators.graph_interface import ML_DOMAIN, declare_domain

LABELS = {TensorProto.STRING: "strings", TensorProto.INT64: "int64s"}
"""Element types of labels → how `LabelEncoder` calls them."""


def number_classes(proto: onnx.ModelProto, own: Sequence[Any], order: Sequence[int]) -> onnx.ModelProto:
    """A copy whose label is the number of a class, and whose probabilities are in the order of these numbers.

    Args:
        proto: a graph with the outputs label (batch,) and probabilities (batch, classes).
        own: the classifier's classes, in the order of its probabilities.
        order: for each number, the position of its class in `own`.

    Raises:
        ValueError: labels are neither text nor whole numbers.
    """
    found = onnx.ModelProto()
    found.CopyFrom(proto)
    graph = found.graph
    label, scores = graph.output
    kind = label.type.tensor_type.elem_type
    if kind not in LABELS:
        raise ValueError("the labels are neither text nor whole numbers")
    keys: list[Any] = [str(each) if kind == TensorProto.STRING else int(each) for each in own]
    numbers = [list(order).index(place) for place in range(len(own))]
    attributes: dict[str, Any] = {f"keys_{LABELS[kind]}": keys, "values_int64s": numbers}
    node = helper.make_node(
        "LabelEncoder", [label.name], ["class/number"], "class/LabelEncoder", domain=ML_DOMAIN, **attributes
    )
    graph.initializer.append(numpy_helper.from_array(np.asarray(order, np.int64), "class/order"))
    gather = helper.make_node("Gather", [scores.name, "class/order"], ["class/scores"], "class/Gather", axis=1)
    graph.node.extend([node, gather])
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("class/number", TensorProto.INT64, [None]))
    graph.output.append(helper.make_tensor_value_info("class/scores", TensorProto.FLOAT, [None, len(own)]))
    declare_domain(found)
    return found
