"""Source rows: what the sources of a data set hold, read by one request and brought to one form."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.core import Column, InputError, Progress
from tasks.data import calibration
from tasks.data.data_spec import DataSpec

if TYPE_CHECKING:
    from tasks.data.readers import Examples, Request, Rows


def request_of(spec: DataSpec, progress: Progress) -> Request:
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


def keep_usable(rows: Rows, columns: tuple[Column, ...], request: Request) -> Rows:
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


def add_own_parts(rows: Rows, columns: tuple[Column, ...], spec: DataSpec, request: Request) -> Rows:
    """`rows` with the validation and test parts from separate sources, where the spec names them."""
    if spec.validation is not None:
        own = _separate(rows, columns, replace(request, source=spec.validation, field="data.validation"))
        rows = replace(rows, validation=own.train, skipped=rows.skipped + own.skipped)
    if spec.test is not None:
        own = _separate(rows, columns, replace(request, source=spec.test, field="data.test"))
        rows = replace(rows, test=own.train, skipped=rows.skipped + own.skipped)
    return rows


def add_later_rows(rows: Rows, columns: tuple[Column, ...], spec: DataSpec, request: Request) -> Rows:
    """`rows` with those that came later, and within the window, where the spec names them."""
    from tasks.data.additions.added_data import read_window
    from tasks.data.additions.added_rows import FIELD, join_added, keep_window

    if spec.added is not None:
        asked = replace(request, source=spec.added.source, field=FIELD)
        own = _separate(rows, columns, asked, request.order)
        rows = join_added(rows, own, spec.added, spec.split.seed, request)
    return rows if spec.window is None else keep_window(rows, read_window(spec.window), request)


def calibration_pool(
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
    found = keep_usable(found, columns, request)
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
