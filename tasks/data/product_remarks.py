"""Product remarks: what a product's metadata say of the data that it takes."""

from __future__ import annotations

import json

from tasks.core import Dataset
from tasks.data import input_layout


def product_remarks(dataset: Dataset) -> dict[str, str]:
    """The metadata of a product: `classes` (JSON list), `task` and `kind`, and the training ranges; of a table also how
    it is read, and of images the type of their raw pixels."""
    said = {"classes": json.dumps(dataset.classes), "task": dataset.task, "kind": dataset.kind}
    said |= input_layout.source_remarks(dataset)
    if dataset.kind == "images":
        said[input_layout.RAW_PIXELS] = dataset.input_dtype
    return said | ({input_layout.READING: input_layout.reading_rules(dataset)} if dataset.kind == "table" else {})
