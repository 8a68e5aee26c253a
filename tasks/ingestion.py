"""Ingestion: reads a source, checks it, splits it, and puts every split into the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tasks import calibration
from tasks.artifacts import Column, Dataset, InputError, Spec, Split, SplitName, Store, digest_of

if TYPE_CHECKING:
    from tasks.sources import Examples, Request, Rows
    from tasks.sources.targets import Task

OnProgress = Callable[[int, int], None]
"""Called with (images decoded so far, images in all)."""


class SplitSpec(Spec):
    """How the data are cut into train, validation and test; calibration examples are drawn from train."""

    validation: float = Field(default=0.2, gt=0, lt=1)
    """Share for early stopping, search and selection; unused when the source has such a part."""
    test: float = Field(default=0.2, gt=0, lt=1)
    """Share for the one test at the end; unused when there is separate test data."""
    calibration: int = Field(default=512, ge=1)
    """Training examples that techniques look at to decide."""
    by: Literal["random", "time", "group"] = "random"
    """`random` keeps the shares of the classes; `time` tests on the latest; `group` never splits a group."""
    column: str | None = None
    """The column with the time or the group, which is no input; time without one is the order of rows."""
    seed: int = Field(default=0, ge=0)
    """Seed of the random and group cuts, and of the calibration sample."""


class DataSpec(Spec):
    """Where the data are, and what in them is what."""

    source: str
    """A .csv, .parquet or .npz file, folder of images or IDX files, sklearn:NAME, package.module:function."""
    validation: str | None = None
    """A separate source of validation examples; then none are cut from the main source."""
    test: str | None = None
    """A separate source of test examples; then none are cut from the main source."""
    calibration: str | None = None
    """A separate source of examples for techniques to decide by; then none are drawn from train."""
    target: str | None = None
    """The target's column (tables, Parquet images) or array (.npz)."""
    inputs: str | None = None
    """The array of inputs in an .npz, or a Parquet file's column of encoded images; found if not given."""
    kind: Literal["images", "table"] | None = None
    """What the source holds, if it cannot be seen: a Parquet file with a bytes column can be a table."""
    task: Literal["classification", "regression"] | None = None
    """If not given: numbers that are not whole, or of which more than 20 differ, call for regression."""
    split: SplitSpec = SplitSpec()
    on_bad: Literal["stop", "skip"] = "stop"
    """What to do with an example that cannot be used: stop, or leave it out and list it."""
    size: int | None = Field(default=None, ge=1, le=4096)
    """Encoded images become size x size pixels; if sizes differ and this is not given, 64 x 64."""
    drop: tuple[str, ...] = ()
    """Columns of a table that are no inputs."""
    names: tuple[str, ...] = ()
    """Column names of a CSV that has no header line."""


def source_stamp(spec: DataSpec) -> str:
    """SHA-256 of the sources as they stand: part of the cache key of `ingest` (see `stamps.stamp_of`)."""
    from tasks.sources.stamps import stamp_of

    sources = (spec.source, spec.validation, spec.test, spec.calibration)
    return digest_of([stamp_of(source) for source in sources if source is not None])


def ingest(spec: DataSpec, store: Store, on_progress: OnProgress | None = None) -> Dataset:
    """Reads, checks and splits the data, and writes every split to the store.

    The same data and spec give the same Dataset. Raises InputError for anything wrong with either.
    """
    from tasks.sources import cutting, frames, read, splitting, targets

    request = _request(spec, on_progress)
    rows = read(request)
    columns = frames.columns_of(rows, request) if rows.kind == "table" else ()
    rows = _usable(rows, columns, request)
    rows = _with_own_parts(rows, columns, spec, request)
    task = spec.task or targets.task_of(rows.train.targets, rows.kind)
    classes = targets.classes_of(rows.train.targets, task, request)
    parts = {
        name: targets.numbered(part, classes, name, f"data.{name}" if getattr(spec, name, None) else "data.source")
        for name, part in rows.parts.items()
    }
    shares: dict[SplitName, float] = {"validation": spec.split.validation, "test": spec.split.test}
    shares = {name: share for name, share in shares.items() if name not in parts}
    parts = cutting.cut(parts, shares, spec.split.by, spec.split.seed, classes, request)
    pool = parts["train"]
    if spec.calibration is not None:
        own = _separate(rows, columns, replace(request, source=spec.calibration, field="data.calibration"))
        pool = targets.numbered(own.train, classes, "calibration", "data.calibration")
        rows = replace(rows, skipped=rows.skipped + own.skipped)
        train = parts["train"]
        calibration.compare(train.inputs, train.targets, pool.inputs, pool.targets, columns, classes)
    chosen = splitting.sample(pool.targets, spec.split.calibration, spec.split.seed)
    parts["calibration"] = pool.take(chosen)
    return _stored(spec.source, parts, task, columns, classes, rows.skipped, store)


def _request(spec: DataSpec, on_progress: OnProgress | None) -> Request:
    """What the reader must know. Raises InputError for a split that contradicts itself."""
    from tasks.sources import Request

    split = spec.split
    if split.by == "group" and split.column is None:
        raise InputError("must name the column with the groups", path="data.split.column")
    if split.by == "random" and split.column is not None:
        raise InputError(
            "means nothing for a random split; set data.split.by to time or group",
            path="data.split.column",
            value=split.column,
        )
    return Request(
        source=spec.source,
        target=spec.target,
        inputs=spec.inputs,
        kind=spec.kind,
        size=spec.size,
        drop=spec.drop,
        names=spec.names,
        order=split.column,
        on_bad=spec.on_bad,
        on_progress=on_progress,
    )


def _usable(rows: Rows, columns: tuple[Column, ...], request: Request) -> Rows:
    """`rows.train` with a target in every row, and a table's columns as float32 and text."""
    from tasks.sources import frames, targets
    from tasks.sources.rows import without

    missing = targets.missing(rows.train.targets)
    rows = without(rows, missing, "targets must be present and finite", request, "data.target")
    if rows.kind == "table":
        rows = frames.conform(rows, columns, request)
    if not len(rows.train):
        raise InputError(f"{request.source} must hold at least one usable example", path=request.field)
    return rows


def _with_own_parts(rows: Rows, columns: tuple[Column, ...], spec: DataSpec, request: Request) -> Rows:
    """`rows` with the validation and test parts that have sources of their own."""
    if spec.validation is not None:
        own = _separate(rows, columns, replace(request, source=spec.validation, field="data.validation"))
        rows = replace(rows, validation=own.train, skipped=rows.skipped + own.skipped)
    if spec.test is not None:
        own = _separate(rows, columns, replace(request, source=spec.test, field="data.test"))
        rows = replace(rows, test=own.train, skipped=rows.skipped + own.skipped)
    return rows


def _separate(rows: Rows, columns: tuple[Column, ...], request: Request) -> Rows:
    """Another source, all of it as `train`, which must hold the same kind of examples as `rows`."""
    from tasks.sources import read

    height, width, channels = rows.train.inputs.shape[1:] if rows.kind == "images" else (0, 0, 0)
    shape = (height, width, channels) if rows.kind == "images" else None
    found = read(replace(request, kind=None, shape=shape, drop=(), order=None))
    if found.kind != rows.kind or len(found.parts) > 1:
        raise InputError(f"must be one undivided set of {rows.kind}", path=request.field, value=request.source)
    found = _usable(found, columns, request)
    if _form(found.train) != _form(rows.train):
        raise InputError(
            "must hold examples of the same form as data.source",
            path=request.field,
            value=_form(found.train),
            nearest=_form(rows.train),
        )
    return found


def _form(examples: Examples) -> str:
    """Type and shape of one example."""
    return f"{getattr(examples.inputs, 'dtype', 'columns')} {examples.inputs.shape[1:]}"


def _stored(
    source: str,
    parts: dict[SplitName, Examples],
    task: Task,
    columns: tuple[Column, ...],
    classes: tuple[str, ...],
    skipped: tuple[str, ...],
    store: Store,
) -> Dataset:
    """The manifest, with every part written to the store."""
    put: Callable[..., str] = store.put_frame if columns else store.put_array
    splits = {name: Split(put(part.inputs), store.put_array(part.targets), len(part)) for name, part in parts.items()}
    train = parts["train"].inputs
    floats = getattr(train, "dtype", None) == "float32"
    dataset = Dataset(
        source=source,
        kind="table" if columns else "images",
        task=task,
        input_shape=tuple(train.shape[1:]),
        input_dtype="columns" if columns else "float32" if floats else "uint8",
        columns=columns,
        classes=classes,
        splits=splits,
        skipped=skipped,
        fingerprint="",
    )
    content = {**asdict(dataset), "source": None, "skipped": None}
    return replace(dataset, fingerprint=digest_of(content))
