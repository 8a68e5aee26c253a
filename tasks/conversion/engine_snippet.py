"""Engine snippet: the lines of a usage snippet that open a product in its engine and run it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tasks.kernels.engines.runtime_record import RuntimeRecord, read_runtime
from tasks.kernels.onnx import description, sessions
from tasks.kernels.onnx.description import Tensor


@dataclass(frozen=True)
class EngineLines:
    """Lines of Python; between them stand those that make the dictionary `inputs`."""

    imports: tuple[str, ...]
    opening: tuple[str, ...]
    """They open `model.onnx`."""
    metadata: str
    """The expression of the file's metadata."""
    columns: tuple[str, ...]
    """They make `inputs` of the columns of the frame `rows`, each by its name."""
    run: str
    """It makes the measured output, `found`."""


def engine_lines(model: Path) -> EngineLines:
    """The lines for the engine that the file's runtime record names."""
    inputs, outputs = description.interface(model)
    measured = sessions.measured_output(sessions.open_session(model)).name
    record = read_runtime(model)
    if record.engine == "openvino":
        return _openvino_lines(record, inputs, [tensor.name for tensor in outputs].index(measured))
    return EngineLines(
        ("import onnxruntime as ort",),
        ('session = ort.InferenceSession("model.onnx")',),
        "session.get_modelmeta().custom_metadata_map",
        (
            'types = {"tensor(string)": object, "tensor(double)": np.float64, "tensor(int64)": np.int64}',
            "inputs = {",
            "    each.name: rows[[each.name]].to_numpy(types.get(each.type, np.float32))",
            "    for each in session.get_inputs()",
            "}",
        ),
        f'[found] = session.run(["{measured}"], inputs)',
    )


def _openvino_lines(record: RuntimeRecord, inputs: tuple[Tensor, ...], place: int) -> EngineLines:
    settings = {
        "INFERENCE_PRECISION_HINT": record.precision,
        "INFERENCE_NUM_THREADS": record.threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    opening = ["core = ov.Core()", 'model = core.read_model("model.onnx")']
    run = f"found = engine(inputs)[{place}]"
    if record.batch == 1 and len(inputs) == 1:
        opening.append("model.reshape([1, *model.inputs[0].partial_shape[1:]])  # as it was measured")
        run = f'found = np.concatenate([engine(one[None])[{place}] for one in inputs["{inputs[0].name}"]])'
    opening.append(f'engine = core.compile_model(model, "CPU", {settings})')
    return EngineLines(
        (
            "import sys",
            'sys.modules["openvino_telemetry"] = None  # or OpenVINO reports its use to its makers',
            f"import openvino as ov  # {record.version}",
        ),
        tuple(opening),
        '{name: each.value for name, each in model.rt_info["framework"].items()}',
        (
            "names = [port.node.friendly_name for port in model.inputs]",
            "types = [port.element_type.to_dtype() for port in model.inputs]",
            "inputs = {name: rows[[name]].to_numpy(kind) for name, kind in zip(names, types)}",
        ),
        run,
    )
