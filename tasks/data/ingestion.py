"""Ingestion: reads a source, checks it, splits it, and writes every split to the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Literal

from tasks.core import Column, Context, Dataset, InputError, Progress, Split, SplitName, Store, TextFormat, digest_of
from tasks.core.dataset import MATRIX
from tasks.data import calibration
from tasks.data.data_spec import DataSpec

if TYPE_CHECKING:
    from tasks.data.readers import Examples, Request, Rows
    from tasks.data.targets import Task


WIDE = 64
"""Most columns of numbers that are one input each, unless the recipe says so: with 2,000 inputs, handing them over
takes longer than the network."""


def source_stamp(spec: DataSpec) -> str:
    """SHA-256 of the sources' present content (`source_fingerprint.stamp_of`): part of the cache key of `ingest`."""
    from tasks.data.source_fingerprint import stamp_of

    sources = (spec.source, spec.validation, spec.test, spec.calibration)
    return digest_of([stamp_of(source) for source in sources if source is not None])


def ingest(spec: DataSpec, stamp: str, context: Context) -> Dataset:
    """Reads, checks and splits the data, and writes every split to the store.

    The same data and spec give the same Dataset.

    Args:
        stamp: `source_stamp` of the spec; not used here, but part of the cache key, so that a change of the sources
            leads to a new result.

    Raises:
        InputError: there is a mistake in the data or the spec.
    """
    from tasks.data import split_strategies, table_profile, targets
    from tasks.data.leakage import copies_between
    from tasks.data.readers import column_types, read_source
    from tasks.data.splitting import split_parts

    request = _request(spec, context.progress)
    rows = read_source(request)
    columns: tuple[Column, ...] = ()
    profile: dict[str, Any] = dict(rows.images)
    if rows.kind == "table":
        types = column_types.types_of_table(rows, request)
        rows = replace(rows, train=replace(rows.train, inputs=types.frame))
        assert rows.target_column is not None  # every table has one
        columns = types.columns
        profile = table_profile.profile_of(types, rows.target_column, rows.train.targets)
    rows = _usable(rows, columns, request)
    rows = _with_own_parts(rows, columns, spec, request)
    task = spec.task or targets.task_of(rows.train.targets, rows.kind)
    classes = targets.classes_of(rows.train.targets, task, request)
    parts = {
        name: targets.encode_targets(
            part, classes, name, f"data.{name}" if getattr(spec, name, None) else "data.source"
        )
        for name, part in rows.parts.items()
    }
    shares: dict[SplitName, float] = {"validation": spec.split.validation, "test": spec.split.test}
    shares = {name: share for name, share in shares.items() if name not in parts}
    parts = split_parts(parts, shares, spec.split.by, spec.split.seed, classes, request)
    if copies := copies_between(parts):
        profile["suspicions"] = [*profile.get("suspicions", []), *copies]
    pool, rows = _calibration_pool(parts["train"], rows, columns, classes, spec, request)
    parts["calibration"] = pool.take(split_strategies.sample(pool.targets, spec.split.calibration, spec.split.seed))
    dataset = _stored(spec.source, parts, task, columns, classes, rows, spec.inputs_as is None, context.store)
    text_format = TextFormat(spec.separator or "", spec.encoding or "")
    return replace(dataset, text_format=text_format, profile=context.store.put_json(profile) if profile else "")


def _request(spec: DataSpec, progress: Progress) -> Request:
    """The request to the reader. Raises InputError for a split whose settings contradict each other."""
    from tasks.data.readers import Request

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
        types=spec.types,
        task=spec.task,
        separator=spec.separator,
        decimal=spec.decimal,
        encoding=spec.encoding,
        order=split.column,
        on_bad=spec.on_bad,
        progress=progress,
    )


def _usable(rows: Rows, columns: tuple[Column, ...], request: Request) -> Rows:
    """`rows` without rows that lack a target, and with a table's columns converted to float32 and text."""
    from tasks.data import targets
    from tasks.data.readers import data_frames
    from tasks.data.readers.examples import leave_out

    missing = targets.missing(rows.train.targets)
    rows = leave_out(rows, missing, "targets must be present and finite", request, "data.target")
    if rows.kind == "table":
        rows = data_frames.align_columns(rows, columns, request)
    if not len(rows.train):
        raise InputError(f"{request.source} must hold at least one usable example", path=request.field)
    return rows


def _with_own_parts(rows: Rows, columns: tuple[Column, ...], spec: DataSpec, request: Request) -> Rows:
    """`rows` with the validation and test parts from separate sources, where the spec names them."""
    if spec.validation is not None:
        own = _separate(rows, columns, replace(request, source=spec.validation, field="data.validation"))
        rows = replace(rows, validation=own.train, skipped=rows.skipped + own.skipped)
    if spec.test is not None:
        own = _separate(rows, columns, replace(request, source=spec.test, field="data.test"))
        rows = replace(rows, test=own.train, skipped=rows.skipped + own.skipped)
    return rows


def _calibration_pool(
    train: Examples,
    rows: Rows,
    columns: tuple[Column, ...],
    classes: tuple[str, ...],
    spec: DataSpec,
    request: Request,
) -> tuple[Examples, Rows]:
    """The examples from which calibration examples are drawn: the spec's own source, compared with `train`, or train.

    Returns:
        The examples, and `rows` with what was left out of the own source.
    """
    from tasks.data import targets

    if spec.calibration is None:
        return train, rows
    own = _separate(rows, columns, replace(request, source=spec.calibration, field="data.calibration"))
    pool = targets.encode_targets(own.train, classes, "calibration", "data.calibration")
    calibration.compare_to_train(train.inputs, train.targets, pool.inputs, pool.targets, columns, classes)
    return pool, replace(rows, skipped=rows.skipped + own.skipped)


def _separate(rows: Rows, columns: tuple[Column, ...], request: Request) -> Rows:
    """Reads another source, all of it as `train`; InputError unless it has the same kind of examples as `rows`."""
    from tasks.data.readers import read_source

    height, width, channels = rows.train.inputs.shape[1:] if rows.kind == "images" else (0, 0, 0)
    shape = (height, width, channels) if rows.kind == "images" else None
    kind = rows.kind if rows.kind == "array" else None
    own = replace(request, kind=kind, shape=shape, drop=(), order=None)
    found = read_source(replace(own, types={}, target_column=rows.target_column))
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
    """Type and shape of one example, as text."""
    return f"{getattr(examples.inputs, 'dtype', 'columns')} {examples.inputs.shape[1:]}"


def _stored(
    source: str,
    parts: dict[SplitName, Examples],
    task: Task,
    columns: tuple[Column, ...],
    classes: tuple[str, ...],
    rows: Rows,
    wide: bool,
    store: Store,
) -> Dataset:
    """Writes every part to the store and returns the Dataset; `rows` say its kind and name, and what was left out.

    With `wide`, more than WIDE columns, all of numbers, become one input.
    """
    texts = sum(column.kind == "category" for column in columns)
    put: Callable[..., str] = store.put_frame if columns else store.put_array
    splits = {name: Split(put(part.inputs), store.put_array(part.targets), len(part)) for name, part in parts.items()}
    train = parts["train"].inputs
    dtypes: dict[str, Literal["uint8", "int64", "float32"]]
    dtypes = {"uint8": "uint8", "int64": "int64", "float32": "float32"}
    dataset = Dataset(
        source=source,
        kind=rows.kind,
        task=task,
        input_shape=tuple(train.shape[1:]),
        input_dtype="columns" if columns else dtypes[str(getattr(train, "dtype", None))],
        columns=columns,
        classes=classes,
        splits=splits,
        skipped=rows.skipped,
        fingerprint="",
        input_name=MATRIX if wide and len(columns) > WIDE and texts == 0 else rows.name,
    )
    plain = [{"name": column.name, "kind": column.kind} for column in columns]
    content = {**asdict(dataset), "source": None, "skipped": None, "columns": plain}
    for of_the_source in ("text_format", "profile"):
        del content[of_the_source]
    if rows.kind != "array" and not dataset.is_matrix:  # the name says nothing, and older fingerprints do not hold it
        del content["input_name"]
    return replace(dataset, fingerprint=digest_of(content))
