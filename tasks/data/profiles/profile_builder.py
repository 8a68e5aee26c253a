"""Profile builder: joins what was understood of the source, what its other sources hold, and the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.core import Column
from tasks.data.profiles.array_profile import describe_arrays
from tasks.data.profiles.reference_statistics import reference_of
from tasks.data.profiles.source_differences import describe_sources
from tasks.data.readers import Examples


def build_profile(
    seen: Mapping[str, Any],
    given: Mapping[str, Examples],
    train: Examples,
    columns: tuple[Column, ...],
    classes: tuple[str, ...],
) -> dict[str, Any]:
    """The profile of the data, as `Dataset.profile` says.

    Args:
        seen: what reading the source told: `table_profile.describe_table`, `image_profile.describe_images`, or nothing.
        given: the parts that have places of their own, `train` among them, before any split.
        train: the train split.
        columns: the inputs of a table; empty for images and arrays.
        classes: names of the classes; empty for regression.
    """
    others = {name: part for name, part in given.items() if name != "train"}
    sources = describe_sources(others, given["train"], columns, classes)
    differing = [each for source in sources.values() for each in source["suspicions"]]
    return {
        **({} if columns else describe_arrays(given, classes)),
        **seen,
        "sources": sources,
        "reference": reference_of(train, columns, classes),
        "suspicions": [*seen.get("suspicions", []), *differing],
    }
