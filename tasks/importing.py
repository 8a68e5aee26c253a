"""Importing: an ONNX file made by others becomes the baseline; nothing in it is trained, and nothing of it is run
before it was checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import exporting, fronts, preprocessing
from tasks.artifacts import (
    Candidate,
    Goal,
    InputError,
    Parity,
    Prepared,
    Runtime,
    Step,
    Store,
    digest_of,
    nearest,
)
from tasks.exporting import Export
from tasks.fronts import Front

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.runtime import Tensor

EXAMPLES = 32
"""How many validation examples a file is tried on before anything else is computed, at most."""


@dataclass(frozen=True)
class Foreign:
    """A file that suits the data."""

    origin: bytes
    """As its makers wrote it, with its external data in it."""
    settled: bytes
    """The same in the form that the techniques expect."""
    front: Front
    outputs: tuple[Tensor, ...]
    """All of the file's; the product has the first."""


def read(file: str) -> bytes:
    """A file as its makers wrote it, with its external data in it.

    Raises:
        InputError: it is missing, or it cannot be used, whatever the data are.
    """
    from tasks.kernels.runtime import foreign

    path = Path(file)
    if not path.is_file():
        beside = [item.name for item in path.parent.iterdir() if item.is_file()] if path.parent.is_dir() else []
        near = nearest(path.name, beside)
        law = "must name a file, not a folder" if path.is_dir() else "names a file that does not exist"
        raise InputError(law, path="model.file", value=file, nearest=near and str(path.parent / near))
    try:
        return foreign.read(path)
    except foreign.Unusable as error:
        raise InputError(error.law, **_place(file), value=error.value, nearest=error.nearest) from error


def stamp(file: str) -> str:
    """Tells one state of a file and its external data from another."""
    return digest_of(read(file))


def check(file: str, prepared: Prepared, asked: bool, goal: Goal, runtime: Runtime, store: Store) -> Foreign:
    """Tries a file on a few validation examples.

    Args:
        file: the file.
        prepared: the data, with their preprocessing.
        asked: whether the recipe names a preprocessing.
        goal: what the answers are measured by.
        runtime: how the product will be run.
        store: holds the examples.

    Raises:
        InputError: it cannot be used, or it does not suit the data, the goal or the runtime.
    """
    found = _suit(file, prepared, asked, store)
    if found.front.batch == 1 and runtime.batch > 1:
        law = f"must be 1: {file} takes one example at a time"
        raise InputError(law, path="runtime.batch", value=runtime.batch, nearest=1)
    outputs = _try(found, prepared, EXAMPLES, store, file)
    _check_outputs(found, outputs, prepared, goal, file)
    return found


def bring(prepared: Prepared, file: str, asked: bool, spec: Export, store: Store) -> Candidate:
    """A file that passed `check` as the baseline, behind what the data need in front.

    Raises:
        InputError: a hop breaks the tolerance: file → product → fused.
    """
    found = _suit(file, prepared, asked, store)
    data = serialize(found, prepared)
    record = store.put_json({"parity": [vars(hop) for hop in prove(found, data, prepared, spec, store, file)]})
    knobs: dict[str, Any] = {
        "file": digest_of(found.origin),
        "in_front": found.front.words,
        "data": prepared.dataset.fingerprint,
    }
    step = Step("load", 1, knobs, None, record, None)
    return Candidate("baseline", "onnx", "", {}, (step,), store.put(data))


def serialize(found: Foreign, prepared: Prepared) -> bytes:
    """The product of a file: its front and its graph with its first output; its makers' metadata stay."""
    from tasks.kernels import runtime
    from tasks.kernels.runtime import joining
    from tasks.kernels.runtime.files import load

    dataset, front, first = prepared.dataset, found.front, found.outputs[0]
    answer = joining.Answer(first.name, first.name, dataset.outputs, front.batch, cast=first.dtype != "float32")
    core, said = load(found.settled), {**runtime.metadata(found.settled), **exporting.remarks(dataset)}
    if front.given is None:
        return joining.dress(core, answer, said)
    return joining.join(fronts.prefix(front, dataset), core, front.given, front.inputs, answer, said)


def prove(found: Foreign, data: bytes, prepared: Prepared, spec: Export, store: Store, file: str) -> tuple[Parity, ...]:
    """The parity of file → product (no optimization) → fused (all of it), on the same validation examples.

    Files that compute in fewer than 32 bits are held to `exporting.compare_rounded`.

    Raises:
        InputError: a hop breaks the tolerance.
    """
    from tasks.kernels import runtime
    from tasks.kernels.runtime import foreign

    count = exporting.EXAMPLES
    fed = fronts.feeds(found.front, prepared.dataset, "validation", count, store)
    raw = preprocessing.product_inputs(prepared.dataset, "validation", store)
    raw = {name: array[:count] for name, array in raw.items()}
    before = runtime.predict(found.origin, fed, optimized=False).astype("float32")
    plain = runtime.predict(data, raw, optimized=False)
    pairs = (("file → product", before, plain), ("ONNX → fused", plain, runtime.predict(data, raw)))
    if foreign.is_rounded(found.origin):
        hops = tuple(exporting.compare_rounded(*pair) for pair in pairs)
    else:
        hops = tuple(exporting.compare(*pair, spec.tolerance) for pair in pairs)
    for hop in hops:
        if not hop.passed:
            law = f"must answer the same on the hop {hop.hop} ({hop.law}), but differs by {hop.max_difference:.2g}"
            raise InputError(law, **_place(file))
    return hops


def _suit(file: str, prepared: Prepared, asked: bool, store: Store) -> Foreign:
    """The file with what must stand in front of it."""
    from tasks.kernels.runtime import descriptions, foreign

    origin = read(file)
    try:
        settled = foreign.settle(origin)
    except foreign.Unusable as error:
        raise InputError(error.law, **_place(file), value=error.value, nearest=error.nearest) from error
    inputs, outputs = descriptions.interface(settled)
    front = fronts.front_of(inputs, prepared.dataset, store.get_json(prepared.fitted), asked, _place(file))
    return Foreign(origin, settled, front, outputs)


def _try(found: Foreign, prepared: Prepared, count: int, store: Store, file: str) -> np.ndarray:
    """What the file answers to a few validation examples. Raises InputError when it does not run on them."""
    from tasks.kernels import runtime
    from tasks.kernels.runtime import foreign

    fed = fronts.feeds(found.front, prepared.dataset, "validation", count, store)
    try:
        return runtime.predict(found.settled, fed)
    except foreign.ERRORS as error:
        raise InputError(f"does not run on the data ({foreign.first_line(error)})", **_place(file)) from error


def _check_outputs(found: Foreign, outputs: np.ndarray, prepared: Prepared, goal: Goal, file: str) -> None:
    import numpy as np

    dataset, count = prepared.dataset, min(EXAMPLES, prepared.dataset.splits["validation"].count)
    wanted = (count, dataset.outputs)
    if np.shape(outputs) != wanted or outputs.dtype.kind != "f":
        for_what = f" for the {dataset.outputs} classes of the data" if dataset.classes else ""
        law = f"must answer with floats of shape (batch, {dataset.outputs}) in its first output{for_what}"
        raise InputError(law, **_place(file), value=fronts.listed(found.outputs))
    if not np.isfinite(outputs).all():
        raise InputError("must answer the data with finite numbers", **_place(file))
    is_share = outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1, atol=1e-3)
    if dataset.classes and is_share and goal.metric in ("log_loss", "roc_auc"):
        law = f"needs logits, but {file} answers with probabilities"
        raise InputError(law, path="goal.metric", value=goal.metric, nearest="accuracy")


def _place(file: str) -> dict[str, str]:
    return {"file": file, "path": "model.file"}
