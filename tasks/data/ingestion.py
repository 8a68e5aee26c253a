"""Ingestion: reads a source, checks it, splits it, and writes every split to the store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks.core import Column, Context, Dataset, SplitName, TextFormat, digest_of
from tasks.data.data_spec import DataSpec
from tasks.data.sources.source_rows import add_later_rows, add_own_parts, calibration_pool, keep_usable, request_of
from tasks.data.stored_dataset import store_dataset

if TYPE_CHECKING:
    import numpy as np

    from tasks.data.readers import Examples, Request, Rows
    from tasks.data.targets import Task


def source_stamp(spec: DataSpec) -> str:
    """SHA-256 of the sources' present content (`source_fingerprint.stamp_of`): part of the cache key of `ingest`."""
    from tasks.data.sources.source_fingerprint import stamp_of

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

    request = request_of(spec, context.progress)
    rows, columns, profile = _read_rows(spec, request)
    task, classes, given = _encoded(rows, spec, request)
    parts = _split(given, classes, spec, request)
    if columns:
        columns, profile = _settle_columns(columns, profile, parts["train"], spec)
    if copies := copies_between(parts):
        profile["suspicions"] = [*profile.get("suspicions", []), *copies]
    pool, rows = calibration_pool(parts["train"], rows, columns, classes, spec, request)
    own: dict[str, Examples] = dict(given.items())
    own |= {"calibration": pool} if spec.calibration else {}
    profile = profile_builder.build_profile(profile, own, parts["train"], columns, classes)
    parts["calibration"] = pool.take(split_strategies.sample(pool.targets, spec.split.calibration, spec.split.seed))
    dataset = store_dataset(spec.source, parts, task, columns, classes, rows, spec.inputs_as is None, context.store)
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
    request = request_of(spec, context.progress)
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
    rows = keep_usable(rows, columns, request)
    rows = add_own_parts(rows, columns, spec, request)
    return add_later_rows(rows, columns, spec, request), columns, profile


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
