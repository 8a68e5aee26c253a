"""Small ONNX files as others make them: normalized planes or raw columns in, of any age, with a fixed batch or free."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, external_data_helper, helper, numpy_helper

FLOAT = TensorProto.FLOAT
WIDTH = 32
NORM = ("gain", "shift", "average", "variance")


def network(
    shape: tuple[int | str, ...] = ("n", 3, 8, 8),
    classes: int = 4,
    *,
    opset: int = 17,
    ir: int = 8,
    listed: bool = False,
    name: str = "pixels",
    dtype: int = FLOAT,
    extra: bool = False,
) -> onnx.ModelProto:
    """Convolution, batch norm, ReLU, convolution, ReLU, mean, linear layer, for (batch, channels, height, width).

    Args:
        listed: whether the initializers are also inputs, as old exporters wrote them.
        extra: whether the features are a second output.
    """
    generator = np.random.default_rng(0)
    channels = int(shape[1])
    constants = {
        "kernel": generator.normal(size=(16, channels, 3, 3)).astype(np.float32),
        "bias": generator.normal(size=16).astype(np.float32),
        **{key: generator.uniform(0.5, 1, size=16).astype(np.float32) for key in NORM},
        "second": generator.normal(0, 0.1, size=(WIDTH, 16, 3, 3)).astype(np.float32),
        "weight": generator.normal(size=(WIDTH, classes)).astype(np.float32),
        "offset": np.zeros(classes, np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["floats", "kernel", "bias"], ["conv"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["conv", *NORM], ["normal"]),
        helper.make_node("Relu", ["normal"], ["relu"]),
        helper.make_node("Conv", ["relu", "second"], ["deep"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["deep"], ["rectified"]),
        helper.make_node("GlobalAveragePool", ["rectified"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "offset"], ["scores"]),
    ]
    first = helper.make_node("Cast", [name], ["floats"], to=FLOAT)
    outputs = [helper.make_tensor_value_info("scores", FLOAT, [shape[0], classes])]
    outputs += [helper.make_tensor_value_info("flat", FLOAT, [shape[0], WIDTH])] if extra else []
    inputs = [helper.make_tensor_value_info(name, dtype, shape)]
    inputs += [helper.make_tensor_value_info(key, FLOAT, array.shape) for key, array in constants.items() if listed]
    tensors = [numpy_helper.from_array(array, key) for key, array in constants.items()]
    return model(helper.make_graph([first, *nodes], "net", inputs, outputs, tensors), opset, ir)


def learn(made: onnx.ModelProto, planes: np.ndarray, targets: np.ndarray) -> None:
    """Fits the last layer of a `network` by least squares, in place, so that it has learned something.

    Args:
        planes: normalized pixels (count, channels, height, width).
        targets: class indices, (count,).
    """
    from tasks.kernels.onnx import sessions

    classes = int(targets.max()) + 1
    free = network(("n", *planes.shape[1:]), classes, extra=True)
    features = sessions.run_all(free.SerializeToString(), {"pixels": planes.astype(np.float32)})["flat"]
    rows = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    found = np.linalg.lstsq(rows, np.eye(classes)[targets], rcond=None)[0].astype(np.float32)
    for tensor in made.graph.initializer:
        if tensor.name in ("weight", "offset"):
            part = found[:-1] if tensor.name == "weight" else found[-1]
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(part), tensor.name))


def table(columns: dict[str, int], classes: int = 2, given: str | None = None) -> onnx.ModelProto:
    """A linear model of raw columns (name → element type), or of one input with as many features."""
    count = len(columns)
    weight = np.random.default_rng(1).normal(size=(count, classes)).astype(np.float32)
    if given is None:
        inputs = [helper.make_tensor_value_info(name, kind, ["n", 1]) for name, kind in columns.items()]
        nodes = [helper.make_node("Concat", list(columns), ["features"], axis=1)]
    else:
        inputs = [helper.make_tensor_value_info(given, FLOAT, ["n", count])]
        nodes = [helper.make_node("Identity", [given], ["features"])]
    nodes.append(helper.make_node("MatMul", ["features", "weight"], ["scores"]))
    output = helper.make_tensor_value_info("scores", FLOAT, ["n", classes])
    return model(helper.make_graph(nodes, "net", inputs, [output], [numpy_helper.from_array(weight, "weight")]), 17, 8)


def typed_table(columns: dict[str, int]) -> onnx.ModelProto:
    """Two scores of raw numbers or truths (name → element type): minus and plus their sum, computed in 64 bits."""
    inputs = [helper.make_tensor_value_info(name, kind, ["n", 1]) for name, kind in columns.items()]
    nodes = [helper.make_node("Cast", [name], [f"{name} in 64"], to=TensorProto.DOUBLE) for name in columns]
    nodes += [
        helper.make_node("Concat", [f"{name} in 64" for name in columns], ["features"], axis=1),
        helper.make_node("MatMul", ["features", "weight"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["scores"], to=FLOAT),
    ]
    weight = numpy_helper.from_array(np.array([[-1.0, 1.0]] * len(columns)), "weight")
    output = helper.make_tensor_value_info("scores", FLOAT, ["n", 2])
    return model(helper.make_graph(nodes, "net", inputs, [output], [weight]), 17, 8)


def one_node(operator: str, domain: str = "", opset: int = 17, ir: int = 8) -> onnx.ModelProto:
    """A graph of a single operator, which need not exist."""
    ends = [helper.make_tensor_value_info(name, FLOAT, ["n", 3, 8, 8]) for name in ("x", "y")]
    node = helper.make_node(operator, ["x"], ["y"], domain=domain)
    made = model(helper.make_graph([node], "net", ends[:1], ends[1:]), opset, ir)
    if domain:
        made.opset_import.append(helper.make_opsetid(domain, 1))
    return made


def model(graph: onnx.GraphProto, opset: int, ir: int) -> onnx.ModelProto:
    """A graph as a file that says it is from elsewhere."""
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir, producer_name="other"
    )


def write(made: onnx.ModelProto, file: str | Path = "model.onnx") -> Path:
    """Puts a model into a file."""
    path = Path(file)
    path.write_bytes(made.SerializeToString())
    return path


def write_external(made: onnx.ModelProto, location: str, file: str | Path = "model.onnx", **said: Any) -> Path:
    """A file that says its first initializer lies at `location`; its data are written there if that is a plain name."""
    path = Path(file)
    tensor = made.graph.initializer[0]
    data = tensor.raw_data
    external_data_helper.set_external_data(tensor, location, **said)
    tensor.ClearField("raw_data")
    if Path(location).name == location:
        (path.parent / location).write_bytes(data)
    return write(made, path)
