"""Redaction: a profile as it leaves the store, without the texts of single cells and without what no model takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tasks.data.profiles.reference_statistics import MOST_CATEGORIES
from tasks.data.profiles.table_profile import FEW


def without_examples(profile: Mapping[str, Any]) -> dict[str, Any]:
    """The profile of a table without texts that may tell of a single row; any other profile unchanged.

    A category in fewer than 5 rows counts among `other`, and so do all of a column with more than 64 different texts.
    Words among numbers are left out.
    """
    if "columns" not in profile:
        return dict(profile)
    columns = [
        {**each, "words": [], **({"top": _frequent(each)} if "top" in each else {})} for each in profile["columns"]
    ]
    told = {**profile, "columns": columns}
    if "reference" in profile:
        reference = profile["reference"]
        known = {name: _frequent_shares(each) for name, each in reference["columns"].items()}
        told["reference"] = {**reference, "columns": known}
    return told


def of_inputs(profile: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The profile of a table without inputs that a product does not take; any other profile unchanged.

    Args:
        profile: with or without texts of single cells.
        names: the product's inputs; the profile stays where they are no columns.
    """
    known = {each["name"] for each in profile.get("columns", ())}
    if not known or not set(names) <= known:
        return dict(profile)
    found = {**profile, "columns": [each for each in profile["columns"] if each["name"] in names]}
    if "reference" in profile:
        kept = {name: each for name, each in profile["reference"]["columns"].items() if name in names}
        found["reference"] = {**profile["reference"], "columns": kept}
    return found


def _frequent(column: Mapping[str, Any]) -> list[Any]:
    return [] if column["distinct"] > MOST_CATEGORIES else [each for each in column["top"] if each[1] >= FEW]


def _frequent_shares(column: Mapping[str, Any]) -> dict[str, Any]:
    if "other" not in column:
        return dict(column)
    present = column["count"] - column["missing"]
    is_id = column["distinct"] > MOST_CATEGORIES
    kept = {text: share for text, share in column["shares"].items() if not is_id and round(share * present) >= FEW}
    other = column["other"] + sum(column["shares"].values()) - sum(kept.values())
    return {**column, "shares": kept, "other": float(f"{other:.6g}")}
