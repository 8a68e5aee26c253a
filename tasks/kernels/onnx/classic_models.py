"""Classic models: what files of the domain ai.onnx.ml have that other files have not, put into the usual form."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

ML_NAMES = {"classlabels_int64s", "classlabels_strings"}
"""The attributes of ZipMap with the names of the classes."""


def settle_classic(proto: onnx.ModelProto, opset: int) -> bool:
    """Changes a model in place; whether there was anything to change.

    Maps of probabilities (ZipMap, a sequence of dictionaries) become the tensor that they are made of, under the same
    name. A file of classic operators alone, which names no operator set of ONNX itself, gets `opset`.
    """
    graph, changed = proto.graph, False
    for node in graph.node:
        if node.op_type == "ZipMap" and node.domain == "ai.onnx.ml":
            classes = next((len(each.ints) or len(each.strings) for each in node.attribute if each.name in ML_NAMES), 0)
            outputs = [each for each in graph.output if each.name == node.output[0]]
            if len(node.output) == 1 and outputs and outputs[0].type.HasField("sequence_type"):
                outputs[0].CopyFrom(helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, [None, classes]))
                node.CopyFrom(helper.make_node("Identity", node.input, node.output, node.name))
                changed = True
    if not any(entry.domain in ("", "ai.onnx") for entry in proto.opset_import):
        proto.opset_import.append(helper.make_opsetid("", opset))
        changed = True
    return changed
