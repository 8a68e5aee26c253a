"""External data: embeds tensors stored in files next to an ONNX file; files outside its folder are never read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import onnx

from tasks.kernels.onnx.subgraphs import graphs_of, inner_graphs, nodes_of

LARGEST = 2**31 - 1
"""Bytes of one ONNX file, at most: protobuf's own limit."""


def embed(proto: onnx.ModelProto, folder: Path) -> int:
    """Embeds every externally stored tensor into `proto`, in place, and returns their number.

    Raises:
        ValueError: a location is outside `folder`; a file is missing, too short or not a regular file; or the
            whole would exceed LARGEST bytes.
    """
    found = [tensor for tensor in constants_of(proto) if tensor.data_location == onnx.TensorProto.EXTERNAL]
    whole = proto.ByteSize()
    for tensor in found:
        data = _read(tensor, folder, LARGEST - whole)
        whole += len(data)
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
        tensor.raw_data = data
    return len(found)


def constants_of(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every constant tensor of a model: initializers and attributes, including inner graphs and functions."""
    inside = (graph for function in proto.functions for node in function.node for graph in inner_graphs(node))
    for outermost in (proto.graph, *inside):
        for graph in graphs_of(outermost):
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
    for attribute in (attribute for node in nodes_of(proto) for attribute in node.attribute):
        yield from (attribute.t, *attribute.tensors)


def _read(tensor: onnx.TensorProto, folder: Path, room: int) -> bytes:
    """The bytes of one tensor."""
    said = {entry.key: entry.value for entry in tensor.external_data}
    place = _place(said.get("location", ""), folder, tensor.name)
    what = f"tensor {tensor.name!r} in {place.name}"
    try:
        offset, length = (int(said.get(key, 0)) for key in ("offset", "length"))
    except ValueError:
        raise ValueError(f"says where its {what} lies in words that are no numbers") from None
    # Without O_NONBLOCK, opening a named pipe would wait for its writer.
    with os.fdopen(os.open(place, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"must have its external data in plain files, but {place.name} is none")
        length = length or status.st_size - offset
        if offset < 0 or length < 0 or offset + length > status.st_size:
            law = f"must have its external data whole, but {what} ends at byte {offset + length} of {status.st_size}"
            raise ValueError(law)
        if length > room:
            raise ValueError("must fit into one file of 2 GB with its external data, but is larger")
        stream.seek(offset)
        return stream.read(length)


def _place(location: str, folder: Path, name: str) -> Path:
    """The resolved file of a tensor; ValueError when it is outside `folder` (also through a link) or missing."""
    place, root = (folder / location).resolve(), folder.resolve()
    if not location or Path(location).is_absolute() or not place.is_relative_to(root) or ".." in Path(location).parts:
        law = f"must keep its external data inside its own folder, but tensor {name!r} lies at {location!r}"
        raise ValueError(f"{law}, which is not read")
    if not place.exists():
        raise ValueError(f"needs the external data {location!r} beside it, which do not exist")
    return place
