"""Finalization, the end of every pass: restores metadata, removes unused constants, silences the quantizer's log."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import onnx

from tasks.kernels.onnx.subgraphs import names_read, nodes_of


def finalize_graph(written: onnx.ModelProto, origin: onnx.ModelProto) -> onnx.ModelProto:
    """Gives `written` the metadata and producer of `origin`, and drops operator sets that it does not use."""
    written.producer_name, written.producer_version = origin.producer_name, origin.producer_version
    del written.metadata_props[:]
    written.metadata_props.extend(origin.metadata_props)
    used = {"", *(node.domain for node in nodes_of(written))}
    kept = [entry for entry in written.opset_import if entry.domain in used]
    del written.opset_import[:]
    written.opset_import.extend(kept)
    return written


def drop_unused(graph: onnx.GraphProto) -> None:
    """Removes initializers that no operator, no graph inside an operator and no output uses."""
    used = {name for node in graph.node for name in names_read(node)} | {item.name for item in graph.output}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Inside the context, ONNX Runtime's messages on the root logger are dropped."""
    root, handler = logging.getLogger(), logging.NullHandler()

    def foreign(record: logging.LogRecord) -> bool:
        return "onnxruntime" not in record.pathname

    # With a handler in place, logging.warning() does not permanently install one of its own.
    root.addHandler(handler)
    root.addFilter(foreign)
    try:
        yield
    finally:
        root.removeFilter(foreign)
        root.removeHandler(handler)
