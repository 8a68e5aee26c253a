"""Stored dataset: writes the parts of a data set to the store, and describes them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Literal

from tasks.core import Column, Dataset, Split, SplitName, Store, digest_of
from tasks.core.dataset import MATRIX

if TYPE_CHECKING:
    from tasks.data.readers import Examples, Rows
    from tasks.data.targets import Task

WIDE = 64
"""Most columns of numbers that are one input each, unless the recipe says so: with 2,000 inputs, handing them over
takes longer than the network."""


def store_dataset(
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
    groups = _store_groups(parts, store)
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


def _store_groups(parts: dict[SplitName, Examples], store: Store) -> dict[SplitName, str]:
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
