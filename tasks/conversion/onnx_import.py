"""ONNX import: checks an existing ONNX file and converts it to the baseline, without training.

The file is not run before its content has been checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.conversion import input_adapter, onnx_export
from tasks.conversion.input_adapter import PATH, InputAdapter
from tasks.conversion.onnx_export import Export
from tasks.core import Candidate, Goal, InputError, Parity, Prepared, Runtime, Step, Store, digest_of, nearest_choice
from tasks.data import preprocessing
from tasks.evaluation import parity

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.onnx.description import Tensor
    from tasks.kernels.onnx.foreign_models import Unusable

EXAMPLES = 32
"""Most validation examples on which a file is tried before anything else is computed."""


@dataclass(frozen=True)
class ImportedModel:
    """An ONNX file whose inputs match the data."""

    origin: bytes
    """The original file, with its external data included."""
    settled: bytes
    """The file in the normalized form that the techniques expect."""
    front: InputAdapter
    """Converts the raw data to the file's inputs."""
    outputs: tuple[Tensor, ...]
    """All outputs of the file; the product has only the first."""


def read_onnx(file: str) -> bytes:
    """The original file as bytes, with its external data included.

    Raises:
        InputError: the file is missing, or it cannot be used with any data.
    """
    from tasks.kernels.onnx import foreign_models

    path = Path(file)
    if not path.is_file():
        beside = [item.name for item in path.parent.iterdir() if item.is_file()] if path.parent.is_dir() else []
        near = nearest_choice(path.name, beside)
        law = "must name a file, not a folder" if path.is_dir() else "names a file that does not exist"
        raise InputError(law, path="model.file", value=file, nearest=near and str(path.parent / near))
    try:
        return foreign_models.read_foreign(path)
    except foreign_models.Unusable as error:
        raise _unusable(error, file) from error


def file_stamp(file: str) -> str:
    """SHA-256 (hexadecimal) of a file and its external data. Raises InputError as `read_onnx` does."""
    return digest_of(read_onnx(file))


def check_onnx_model(
    file: str, prepared: Prepared, asked: bool, goal: Goal, runtime: Runtime, store: Store
) -> ImportedModel:
    """Reads a file and runs it on at most EXAMPLES validation examples.

    Args:
        file: path of the file.
        prepared: the data with their preprocessing.
        asked: whether the recipe names a preprocessing.
        goal: its metric must be defined for the file's outputs.
        runtime: its batch must be possible for the file.
        store: holds the examples.

    Raises:
        InputError: the file cannot be used, or does not match the data, the goal or the runtime.
    """
    found = _suit(file, prepared, asked, store)
    if found.front.batch == 1 and runtime.batch > 1:
        law = f"must be 1: {file} takes one example at a time"
        raise InputError(law, path="runtime.batch", value=runtime.batch, nearest=1)
    outputs = _try(found, prepared, EXAMPLES, store, file)
    _check_outputs(found, outputs, prepared, goal, file)
    return found


def import_onnx(prepared: Prepared, file: str, asked: bool, spec: Export, stamp: str, store: Store) -> Candidate:
    """Imports a file that passed `check_onnx_model` as the baseline, with an adapter for the raw data before it.

    Args:
        prepared: the data with their preprocessing.
        file: path of the file.
        asked: whether the recipe names a preprocessing.
        spec: the tolerance of the parity check.
        stamp: `file_stamp` of the file, so that a cached result is valid for this content alone.
        store: gets the product.

    Raises:
        InputError: a hop (file → product → fused) changes the outputs by more than the tolerance.
    """
    found = _suit(file, prepared, asked, store)
    data = serialize_product(found, prepared)
    record = store.put_json(
        {"parity": [vars(hop) for hop in check_import_parity(found, data, prepared, spec, store, file)]}
    )
    knobs: dict[str, Any] = {
        "file": digest_of(found.origin),
        "in_front": found.front.words,
        "data": prepared.dataset.fingerprint,
    }
    step = Step("load", 1, knobs, None, record, None)
    return Candidate("baseline", "onnx", "", {}, (step,), store.put(data))


def serialize_product(found: ImportedModel, prepared: Prepared) -> bytes:
    """The product as an ONNX file (bytes): the adapter, and the imported graph with its first output alone.

    The imported file's metadata are kept.
    """
    from tasks.kernels.onnx import compose, description
    from tasks.kernels.onnx.serialization import load_proto

    dataset, front, first = prepared.dataset, found.front, found.outputs[0]
    answer = compose.Answer(first.name, first.name, dataset.outputs, front.batch, cast=first.dtype != "float32")
    core, said = load_proto(found.settled), {**description.metadata(found.settled), **onnx_export.remarks(dataset)}
    if front.given is None:
        return compose.dress(core, answer, said)
    return compose.join(input_adapter.prefix(front, dataset), core, front.given, front.inputs, answer, said)


def check_import_parity(
    found: ImportedModel, data: bytes, prepared: Prepared, spec: Export, store: Store, file: str
) -> tuple[Parity, ...]:
    """Checks the parity of the hops file → product (not optimized) → fused (optimized), on validation examples.

    Files that compute with fewer than 32 bits are checked with `parity.compare_rounded`, others with
    `parity.compare_outputs`.

    Args:
        found: the imported file.
        data: its product.
        prepared: the data with their preprocessing.
        spec: the tolerance.
        store: holds the validation split, of which at most `parity.EXAMPLES` examples are used.
        file: path of the file, for error messages.

    Raises:
        InputError: a hop exceeds the tolerance.
    """
    from tasks.kernels.onnx import foreign_models, sessions

    count = parity.EXAMPLES
    fed = input_adapter.feeds(found.front, prepared.dataset, "validation", count, store)
    raw = preprocessing.product_inputs(prepared.dataset, "validation", store)
    raw = {name: array[:count] for name, array in raw.items()}
    before = sessions.predict(found.origin, fed, optimized=False).astype("float32")
    plain = sessions.predict(data, raw, optimized=False)
    pairs = (("file → product", before, plain), ("ONNX → fused", plain, sessions.predict(data, raw)))
    if foreign_models.is_rounded(found.origin):
        hops = tuple(parity.compare_rounded(*pair) for pair in pairs)
    else:
        hops = tuple(parity.compare_outputs(*pair, spec.tolerance) for pair in pairs)
    for hop in hops:
        if not hop.passed:
            law = f"must answer the same on the hop {hop.hop} ({hop.law}), but differs by {hop.max_difference:.2g}"
            raise InputError(law, file=file, path=PATH)
    return hops


def _suit(file: str, prepared: Prepared, asked: bool, store: Store) -> ImportedModel:
    """Reads and normalizes the file, and chooses its adapter. Raises InputError when it cannot be used."""
    from tasks.kernels.onnx import description, foreign_models

    origin = read_onnx(file)
    try:
        settled = foreign_models.normalize_graph(origin)
    except foreign_models.Unusable as error:
        raise _unusable(error, file) from error
    inputs, outputs = description.interface(settled)
    front = input_adapter.front_of(inputs, prepared.dataset, store.get_json(prepared.fitted), asked, file)
    return ImportedModel(origin, settled, front, outputs)


def _try(found: ImportedModel, prepared: Prepared, count: int, store: Store, file: str) -> np.ndarray:
    """The file's first output for `count` validation examples. Raises InputError when it does not run on them."""
    from tasks.kernels.onnx import foreign_models, sessions

    fed = input_adapter.feeds(found.front, prepared.dataset, "validation", count, store)
    try:
        return sessions.predict(found.settled, fed)
    except foreign_models.ERRORS as error:
        raise InputError(
            f"does not run on the data ({foreign_models.first_line(error)})", file=file, path=PATH
        ) from error


def _check_outputs(found: ImportedModel, outputs: np.ndarray, prepared: Prepared, goal: Goal, file: str) -> None:
    import numpy as np

    from tasks.kernels.statistics.metrics import METRICS

    dataset, count = prepared.dataset, min(EXAMPLES, prepared.dataset.splits["validation"].count)
    wanted = (count, dataset.outputs)
    if np.shape(outputs) != wanted or outputs.dtype.kind != "f":
        for_what = f" for the {dataset.outputs} classes of the data" if dataset.classes else ""
        law = f"must answer with floats of shape (batch, {dataset.outputs}) in its first output{for_what}"
        raise InputError(law, file=file, path=PATH, value=input_adapter.listed(found.outputs))
    if not np.isfinite(outputs).all():
        raise InputError("must answer the data with finite numbers", file=file, path=PATH)
    is_share = outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1, atol=1e-3)
    if dataset.classes and is_share and METRICS[goal.metric].needs_logits:
        law = f"needs logits, but {file} answers with probabilities"
        raise InputError(law, path="goal.metric", value=goal.metric, nearest="accuracy")


def _unusable(reason: Unusable, file: str) -> InputError:
    return InputError(reason.law, file=file, path=PATH, value=reason.value, nearest=reason.nearest)
