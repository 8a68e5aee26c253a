"""Ingestion: reads a source, checks it, splits it, and writes every split to the store."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Literal

from tasks.core import Column, Context, Dataset, InputError, Progress, Split, SplitName, Store, TextFormat, digest_of
from tasks.core.dataset import MATRIX
from tasks.data import calibration
from tasks.data.data_spec import DataSpec

if TYPE_CHECKING:
    import numpy as np

    from tasks.data.readers import Examples, Request, Rows
    from tasks.data.targets import Task


WIDE = 64
"""Most columns of numbers that are one input each, unless the recipe says so: with 2,000 inputs, handing them over
takes longer than the network."""


def source_stamp(spec: DataSpec) -> str:
    """SHA-256 of the sources' present content (`source_fingerprint.stamp_of`): part of the cache key of `ingest`."""
    from tasks.data.source_fingerprint import stamp_of

    added = spec.added.source if spec.added else None
    sources = (spec.source, spec.validation, spec.test, spec.calibration, added)
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
    from tasks.data.leakage import copies_between
    from tasks.data.profiles import profile_builder, training_ranges
    from tasks.data.splits import split_strategies

    request = _request(spec, context.progress)
    rows, columns, profile = _read_rows(spec, request)
    task, classes, given = _encoded(rows, spec, request)
    parts = _split(given, classes, spec, request)
    if columns:
        columns, profile = _settle_columns(columns, profile, parts["train"], spec)
    if copies := copies_between(parts):
        profile["suspicions"] = [*profile.get("suspicions", []), *copies]
    pool, rows = _calibration_pool(parts["train"], rows, columns, classes, spec, request)
    own: dict[str, Examples] = dict(given.items())
    own |= {"calibration": pool} if spec.calibration else {}
    profile = profile_builder.build_profile(profile, own, parts["train"], columns, classes)
    parts["calibration"] = pool.take(split_strategies.sample(pool.targets, spec.split.calibration, spec.split.seed))
    dataset = _stored(spec.source, parts, task, columns, classes, rows, spec.inputs_as is None, context.store)
    return replace(
        dataset,
        text_format=TextFormat(spec.separator or "", spec.encoding or "", spec.names, spec.target or ""),
        profile=context.store.put_json(profile),
        ranges=training_ranges.ranges_of(parts["train"].inputs, columns),
        id_column=spec.id or "",
        split_by=spec.split.by,
    )


def train_source_rows(spec: DataSpec, context: Context) -> np.ndarray | None:
    """The row of each train example in the source, counted from 0, (count,); None where train has several sources.

    The source is read and split again. Raises InputError as `ingest`.
    """
    import numpy as np

    if spec.added is not None:
        return None
    request = _request(spec, context.progress)
    rows, _, _ = _read_rows(spec, request)
    _, classes, given = _encoded(rows, spec, request)
    train = _split(given, classes, spec, request)["train"]
    return np.arange(len(train)) if train.at is None else train.at


def _read_rows(spec: DataSpec, request: Request) -> tuple[Rows, tuple[Column, ...], dict[str, Any]]:
    """Reads the sources of train, validation and test: the usable rows, a table's columns, and what was seen."""
    from tasks.data.profiles import table_profile
    from tasks.data.readers import column_types, read_source

    rows = read_source(request)
    columns: tuple[Column, ...] = ()
    profile: dict[str, Any] = dict(rows.images)
    if rows.kind == "table":
        types = column_types.types_of_table(rows, request)
        rows = replace(rows, train=replace(rows.train, inputs=types.frame))
        assert rows.target_column is not None  # every table has one
        columns = types.columns
        profile = table_profile.describe_table(types, rows.target_column, rows.train.targets)
    rows = _usable(rows, columns, request)
    rows = _with_own_parts(rows, columns, spec, request)
    return _with_added_rows(rows, columns, spec, request), columns, profile


def _encoded(rows: Rows, spec: DataSpec, request: Request) -> tuple[Task, tuple[str, ...], dict[SplitName, Examples]]:
    """The task, the classes, and the parts that the sources have with targets as indices of classes or numbers."""
    from tasks.data import targets

    task = spec.task or targets.task_of(rows.train.targets, rows.kind)
    classes = targets.classes_of(rows.train.targets, task, request)
    places = {name: f"data.{name}" if getattr(spec, name, None) else "data.source" for name in rows.parts}
    parts = {name: targets.encode_targets(part, classes, name, places[name]) for name, part in rows.parts.items()}
    return task, classes, parts


def _split(
    parts: dict[SplitName, Examples], classes: tuple[str, ...], spec: DataSpec, request: Request
) -> dict[SplitName, Examples]:
    """The parts, with those that have no source of their own taken from train."""
    from tasks.data.splits.splitting import split_parts

    shares: dict[SplitName, float] = {"validation": spec.split.validation, "test": spec.split.test}
    shares = {name: share for name, share in shares.items() if name not in parts}
    return split_parts(parts, shares, spec.split.by, spec.split.seed, classes, request)


def _settle_columns(
    columns: tuple[Column, ...], profile: dict[str, Any], train: Examples, spec: DataSpec
) -> tuple[tuple[Column, ...], dict[str, Any]]:
    """A table's columns with what is known of them from train alone, and the profile that tells it."""
    from tasks.data.profiles import table_profile
    from tasks.data.tables import date_columns, frame_layer

    columns = frame_layer.center_columns(columns, train.inputs)
    columns = date_columns.settle_dates(columns, train.inputs, spec.split.column)
    profile = table_profile.tell_centers({**profile, "dropped": list(spec.drop)}, columns)
    return columns, table_profile.tell_dates(profile, columns)


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
        mixed_size=spec.mixed_size,
        id=spec.id,
        drop=spec.drop,
        names=spec.names,
        types=spec.types,
        dates=spec.dates,
        task=spec.task,
        separator=spec.separator,
        decimal=spec.decimal,
        encoding=spec.encoding,
        order=split.column,
        is_by_time=split.by == "time",
        groups=spec.groups,
        on_bad=spec.on_bad,
        progress=progress,
    )


def _usable(rows: Rows, columns: tuple[Column, ...], request: Request) -> Rows:
    """`rows` without rows that lack a target, and with a table's columns converted to numbers and text."""
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


def _with_added_rows(rows: Rows, columns: tuple[Column, ...], spec: DataSpec, request: Request) -> Rows:
    """`rows` with those that came later, and within the window, where the spec names them."""
    from tasks.data.additions.added_data import read_window
    from tasks.data.additions.added_rows import FIELD, join_added, keep_window

    if spec.added is not None:
        asked = replace(request, source=spec.added.source, field=FIELD)
        own = _separate(rows, columns, asked, request.order)
        rows = join_added(rows, own, spec.added, spec.split.seed, request)
    return rows if spec.window is None else keep_window(rows, read_window(spec.window), request)


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
    asked = replace(request, source=spec.calibration, field="data.calibration", groups=())
    own = _separate(rows, columns, asked)
    pool = targets.encode_targets(own.train, classes, "calibration", "data.calibration")
    calibration.compare_to_train(train.inputs, train.targets, pool.inputs, pool.targets, columns, classes)
    return pool, replace(rows, skipped=rows.skipped + own.skipped)


def _separate(rows: Rows, columns: tuple[Column, ...], request: Request, order: str | None = None) -> Rows:
    """Reads another source, all of it as `train`; InputError unless it has the same kind of examples as `rows`.

    `order` is its column for a split by time or group.
    """
    from tasks.data.readers import read_source

    height, width, channels = rows.train.inputs.shape[1:] if rows.kind == "images" else (0, 0, 0)
    shape = (height, width, channels) if rows.kind == "images" else None
    kind = rows.kind if rows.kind == "array" else None
    own = replace(request, kind=kind, shape=shape, drop=(), id=None, order=order)
    found = read_source(replace(own, types={}, dates={}, target_column=rows.target_column))
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
    others = sum(column.kind != "number" for column in columns)
    put: Callable[..., str] = store.put_frame if columns else store.put_array
    groups = _stored_groups(parts, store)
    keys = {name: store.put_array(part.keys) for name, part in parts.items() if part.keys is not None}
    more = {name: (groups.get(name, ""), keys.get(name, "")) for name in parts}
    splits = {
        name: Split(put(part.inputs), store.put_array(part.targets), len(part), *more[name])
        for name, part in parts.items()
    }
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
        input_name=MATRIX if wide and len(columns) > WIDE and others == 0 else rows.name,
    )
    plain = [{"name": column.name, "kind": column.kind} for column in columns]
    content = {**asdict(dataset), "source": None, "skipped": None, "columns": plain}
    for of_the_source in ("text_format", "profile", "ranges", "id_column", "split_by"):
        del content[of_the_source]
    for split in content["splits"].values():
        del split["groups"], split["keys"]
    if rows.kind != "array" and not dataset.is_matrix:  # the name says nothing, and older fingerprints do not hold it
        del content["input_name"]
    return replace(dataset, fingerprint=digest_of(content))


def _stored_groups(parts: dict[SplitName, Examples], store: Store) -> dict[SplitName, str]:
    """Digests of the groups of each part, as `Split.groups`; a part without groups is left out."""
    from pandas import Categorical, DataFrame, concat

    frames = {name: part.groups for name, part in parts.items() if part.groups is not None}
    if not frames:
        return {}
    whole = concat(frames.values())
    names = {column: sorted(whole[column].unique(), key=_in_order) for column in whole}
    return {
        part: store.put_frame(DataFrame({column: Categorical(frame[column], each) for column, each in names.items()}))
        for part, frame in frames.items()
    }


def _in_order(group: str) -> tuple[int, str]:
    """The key by which groups are sorted: whole numbers by value, after them texts by code point."""
    return (int(group), "") if group.isdecimal() else (sys.maxsize, group)
