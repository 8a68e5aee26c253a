"""Products: a peer's file behind the preprocessing, so that it takes and gives what every product does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx

from tasks.conversion import onnx_export
from tasks.core import Dataset
from tasks.data.product_remarks import product_remarks
from tasks.kernels.engines import runtime_record
from tasks.kernels.engines.openvino_model import UnsupportedModelError
from tasks.kernels.engines.product_session import open_product
from tasks.kernels.onnx import compose, preprocessing_graph


def dress(file: bytes, dataset: Dataset, fitted: dict[str, Any]) -> bytes:
    """Raw pixels in, logits out: `file` (`input` → `output`) as exporting would have written it."""
    prefix = preprocessing_graph.image_prefix(dataset.input_shape, dataset.input_dtype, fitted)
    answer = compose.Answer("output", "logits", dataset.outputs)
    core, names = onnx.load_from_string(file), onnx_export.input_names(fitted)
    return compose.join(prefix, core, "input", names, answer, product_remarks(dataset))


def in_openvino(product: bytes) -> Iterator[tuple[str, bytes]]:
    """A product as it runs in OpenVINO, in every precision that this processor has, each with its name.

    Nothing where OpenVINO is not installed, or cannot run it.
    """
    if runtime_record.installed_version("openvino") is None:
        return
    for precision in runtime_record.native_precisions():
        record = runtime_record.RuntimeRecord("openvino", "", precision)
        file = runtime_record.with_record(product, record)
        try:
            open_product(file, record)
        except UnsupportedModelError as error:
            print(f"{record.words}: {error}")
            continue
        yield record.words, file
