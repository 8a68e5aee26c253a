"""Products: a peer's file behind the preprocessing, so that it takes and gives what every product does."""

from __future__ import annotations

from typing import Any

import onnx

from tasks import exporting
from tasks.artifacts import Dataset
from tasks.kernels.runtime import joining, prefixes


def dress(file: bytes, dataset: Dataset, fitted: dict[str, Any]) -> bytes:
    """Raw pixels in, logits out: `file` (`input` → `output`) as exporting would have written it."""
    prefix = prefixes.image_prefix(dataset.input_shape, dataset.input_dtype, fitted)
    answer = joining.Answer("output", "logits", dataset.outputs)
    core, names = onnx.load_from_string(file), exporting.input_names(fitted)
    return joining.join(prefix, core, "input", names, answer, exporting.remarks(dataset))
