"""ONNX import: checks an existing ONNX file and converts it to the baseline, without training.

The file is not run before its content has been checked.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.conversion import answer_choice, input_adapter
from tasks.conversion.column_inputs import known_columns
from tasks.conversion.input_adapter import PATH, InputAdapter
from tasks.conversion.onnx_export import Export
from tasks.core import Candidate, Goal, InputError, Parity, Prepared, Runtime, Step, Store, digest_of, nearest_choice
from tasks.data import input_layout
from tasks.data.product_remarks import product_remarks
from tasks.evaluation import parity
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.models.file_forms import refuse_form
from tasks.models.model_spec import ModelSpec

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.onnx.foreign_models import Unusable
    from tasks.kernels.onnx.sessions import MeasuredOutput

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
    measured: MeasuredOutput
    """The output that is measured; the product has all of the file's."""
    answers: np.ndarray
    """That output for some examples."""


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
    refuse_form(path)
    try:
        return foreign_models.read_foreign(path)
    except foreign_models.Unusable as error:
        raise _unusable(error, file) from error


def file_stamp(file: str) -> str:
    """SHA-256 (hexadecimal) of a file and its external data. Raises InputError as `read_onnx` does."""
    return digest_of(read_onnx(file))


def arrange_inputs(prepared: Prepared, file: str, asked: bool, store: Store) -> Prepared:
    """The data in the layout in which the file takes them. Raises InputError when the file does not match the data.

    Args:
        prepared: the data with their preprocessing.
        file: path of the file.
        asked: whether the recipe names a preprocessing.
        store: holds the fitted preprocessing.
    """
    from tasks.kernels.onnx import description

    inputs, _ = description.interface(_settle(read_onnx(file), file))
    dataset = prepared.dataset
    known = known_columns(dataset, store)
    front = input_adapter.front_of(inputs, dataset, known, store.get_json(prepared.fitted), asked, file)
    arranged = replace(prepared, layout=front.layout)
    if front.layout is not None and front.layout.axes == "columns":
        _check_values(arranged, file, store)
    return arranged


def _check_values(prepared: Prepared, file: str, store: Store) -> None:
    """Raises InputError when values of any split do not have the types of the file's inputs."""
    for split in prepared.dataset.splits:
        try:
            input_layout.product_inputs(prepared, split, store)
        except InputError as error:
            raise InputError(error.law, file=file, path=PATH, value=error.value, nearest=error.nearest) from error


def check_onnx_model(
    model: ModelSpec, prepared: Prepared, asked: bool, goal: Goal, runtime: Runtime, store: Store
) -> ImportedModel:
    """Reads a file and runs it on at most EXAMPLES validation examples.

    Args:
        model: the file's path and, if it is named, the output that is measured (`file` must not be None).
        prepared: the data with their preprocessing.
        asked: whether the recipe names a preprocessing.
        goal: its metric must be defined for the file's outputs.
        runtime: its batch must be possible for the file.
        store: holds the examples.

    Raises:
        InputError: the file cannot be used, or does not match the data, the goal or the runtime.
    """
    found = _suit(model, prepared, asked, store)
    if found.front.batch == 1 and runtime.batch > 1:
        law = f"must be 1: {model.file} takes one example at a time"
        raise InputError(law, path="runtime.batch", value=runtime.batch, nearest=1)
    metric = metric_of(metric_spec(goal, prepared.dataset))
    answer_choice.check_metric(found.measured, found.answers, metric, str(model.file))
    return found


def import_onnx(prepared: Prepared, model: ModelSpec, asked: bool, spec: Export, stamp: str, store: Store) -> Candidate:
    """Imports a file that passed `check_onnx_model` as the baseline, with the recipe's preprocessing in front of it.

    Args:
        prepared: the data with their preprocessing.
        model: the file's path and, if it is named, the output that is measured (`file` must not be None).
        asked: whether the recipe names a preprocessing.
        spec: the tolerance of the parity check.
        stamp: `file_stamp` of the file, so that a cached result is valid for this content alone.
        store: gets the product.

    Raises:
        InputError: a hop (file → product → fused) changes the outputs by more than the tolerance.
    """
    found = _suit(model, prepared, asked, store)
    data = serialize_product(found, prepared)
    hops = check_import_parity(found, data, prepared, spec, store, str(model.file))
    record = store.put_json({"parity": [vars(hop) for hop in hops]})
    knobs: dict[str, Any] = {
        "file": digest_of(found.origin),
        "in_front": found.front.words,
        "measured": asdict(found.measured),
        "data": prepared.dataset.fingerprint,
    }
    step = Step("load", 2, knobs, None, record, None)
    return Candidate("baseline", "onnx", "", {}, (step,), store.put(data))


def serialize_product(found: ImportedModel, prepared: Prepared) -> bytes:
    """The product as an ONNX file (bytes): the imported graph with all its outputs, behind the recipe's preprocessing.

    The imported file's metadata are kept; the product's own say which output is measured and how it takes raw data.
    """
    from tasks.kernels.onnx import compose, description
    from tasks.kernels.onnx.serialization import load_proto

    dataset, front = prepared.dataset, found.front
    said = {**description.metadata(found.settled), **product_remarks(dataset), **found.measured.remark}
    said = {key: text for key, text in said.items() if key not in (input_layout.LAYOUT, input_layout.COLUMNS)}
    said |= input_layout.layout_remarks(front.layout, dataset)
    core = load_proto(found.settled)
    if front.given is None:
        return compose.label(core, said)
    return compose.put_before(input_adapter.prefix(front, dataset), core, front.given, front.inputs, said)


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
    prepared = replace(prepared, layout=found.front.layout)
    fed = input_adapter.feeds(found.front, prepared, "validation", count, store)
    raw = input_layout.product_inputs(prepared, "validation", store)
    raw = {name: array[:count] for name, array in raw.items()}
    before = sessions.predict(found.origin, fed, optimized=False, output=found.measured)
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


def _suit(model: ModelSpec, prepared: Prepared, asked: bool, store: Store) -> ImportedModel:
    """Reads and normalizes the file, chooses its adapter, and runs it on EXAMPLES validation examples.

    Raises:
        InputError: it cannot be used, does not run on the data, or has no output that answers them.
    """
    from tasks.kernels.onnx import description, foreign_models, sessions

    file = str(model.file)
    origin = read_onnx(file)
    settled = _settle(origin, file)
    inputs, outputs = description.interface(settled)
    dataset = prepared.dataset
    known = known_columns(dataset, store)
    front = input_adapter.front_of(inputs, dataset, known, store.get_json(prepared.fitted), asked, file)
    fed = input_adapter.feeds(front, replace(prepared, layout=front.layout), "validation", EXAMPLES, store)
    try:
        answers = sessions.run_all(settled, fed)
    except foreign_models.ERRORS as error:
        law = f"does not run on the data ({foreign_models.first_line(error)})"
        raise InputError(law, file=file, path=PATH) from error
    measured = answer_choice.choose_output(answers, outputs, model, dataset)
    return ImportedModel(origin, settled, front, measured, answers[measured.name])


def _settle(origin: bytes, file: str) -> bytes:
    from tasks.kernels.onnx import foreign_models

    try:
        return foreign_models.normalize_graph(origin)
    except foreign_models.Unusable as error:
        raise _unusable(error, file) from error


def _unusable(reason: Unusable, file: str) -> InputError:
    return InputError(reason.law, file=file, path=PATH, value=reason.value, nearest=reason.nearest)
