"""Products: a peer's file behind the preprocessing, so that it takes and gives what every product does."""

from __future__ import annotations

from typing import Any

import onnx

from tasks.conversion import onnx_export
from tasks.core import Dataset
from tasks.data.product_remarks import product_remarks
from tasks.kernels.onnx import compose, preprocessing_graph


def dress(file: bytes, dataset: Dataset, fitted: dict[str, Any]) -> bytes:
    """Raw pixels in, logits out: `file` (`input` → `output`) as exporting would have written it."""
    prefix = preprocessing_graph.image_prefix(dataset.input_shape, dataset.input_dtype, fitted)
    answer = compose.Answer("output", "logits", dataset.outputs)
    core, names = onnx.load_from_string(file), onnx_export.input_names(fitted)
    return compose.join(prefix, core, "input", names, answer, product_remarks(dataset))
