"""Data profile: what was understood of the data, as lines of text for the plan and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flows.results.group_text import group_counts
from tasks.core import Dataset, Spec, Store
from tasks.data.profiles.redaction import without_examples
from tasks.data.profiles.table_profile import TRANSFORM, tell_dates
from tasks.data.tables.column_steps import TransformTarget

COLUMNS = 24
"""Most columns that are listed; the others are counted."""
MOST = 0.8
"""Share of the rows in one class from which accuracy hides the others."""


def load_profile(dataset: Dataset, store: Store) -> Mapping[str, Any]:
    """The record that reading the data left; empty for data of which there is none."""
    found: dict[str, Any] = store.get_json(dataset.profile) if dataset.profile else {}
    return tell_dates(found, dataset.columns) if "columns" in found else found


def shown_profile(dataset: Dataset, store: Store, examples: bool) -> Mapping[str, Any]:
    """The profile as it may leave the store: without the texts of single cells, unless `examples` may be shown."""
    profile = load_profile(dataset, store)
    return profile if examples else without_examples(profile)


def data_rows(dataset: Dataset, store: Store, examples: bool = False) -> dict[str, str]:
    """Name → text on the data: source, kind, shape, numbers of examples, fingerprint, classes, columns or images.

    Texts of single cells are among them only with `examples`.
    """
    profile = shown_profile(dataset, store, examples)
    shape = " × ".join(map(str, dataset.input_shape))
    rows = {
        "source": dataset.source,
        "kind": f"{dataset.kind}, {dataset.task}",
        "one example": f"{shape} {'columns' if dataset.kind == 'table' else dataset.input_dtype}",
        "examples": ", ".join(f"{split.count:,} {name}" for name, split in dataset.splits.items()),
        "fingerprint": dataset.fingerprint[:12],
    }
    if classes := class_line(dataset, store):
        rows["train classes"] = classes
    rows |= group_counts(dataset, store)
    if dataset.skipped:
        rows["skipped"] = f"{len(dataset.skipped)}: {', '.join(dataset.skipped[:5])}"
    rows |= {f"{name} source": told for name, told in source_texts(profile).items()}
    if images := [*image_lines(profile), *array_lines(profile)]:
        rows["images" if dataset.kind == "images" else "array"] = "; ".join(images)
    rows |= {f"column {each['name']}": ", ".join(column_words(each)) for each in profile.get("columns", [])[:COLUMNS]}
    return rows


def doubts(dataset: Dataset, store: Store, metric: str, steps: Sequence[Spec] = ()) -> list[str]:
    """Sentences on what looks wrong in the data, and on a metric that hides a small class.

    A transform of the target is not offered where it is among the recipe's `steps` of `preprocess`.
    """
    found = [str(each) for each in load_profile(dataset, store).get("suspicions", [])]
    if any(isinstance(step, TransformTarget) for step in steps):
        found = [each for each in found if TRANSFORM not in each]
    return [*found, *filter(None, [metric_warning(dataset, store, metric)])]


def profile_lines(dataset: Dataset, store: Store) -> list[str]:
    """Lines on the data for the plan: classes, then columns or images."""
    profile = load_profile(dataset, store)
    classes = class_line(dataset, store)
    named = [f"train classes: {classes}"] if classes else []
    groups = [f"{name}: {told}" for name, told in group_counts(dataset, store).items()]
    sources = [f"{name}: {told}" for name, told in source_texts(profile).items()]
    return [*named, *groups, *sources, *image_lines(profile), *array_lines(profile), *column_lines(profile)]


def source_texts(profile: Mapping[str, Any]) -> dict[str, str]:
    """Name → rows and classes of each validation, test or calibration set that has a place of its own."""
    found = {}
    for name, source in profile.get("sources", {}).items():
        classes = [f"{each} {count:,}" for each, count in source["classes"].items()]
        more = f" and {len(classes) - 12} more" if len(classes) > 12 else ""
        found[name] = f"{source['rows']:,} of its own" + (f": {', '.join(classes[:12])}{more}" if classes else "")
    return found


def array_lines(profile: Mapping[str, Any]) -> list[str]:
    """Lines on decoded pixels or another array: shape and values of an example, and what is the same everywhere."""
    if "channels" not in profile:
        return []
    shape, (least, most) = " × ".join(map(str, profile["shape"])), profile["values"]
    distinct = "many" if profile["distinct"] is None else f"{profile['distinct']:,}"
    means = ", ".join(f"{each['mean']:.4g} ± {each['std']:.4g}" for each in profile["channels"])
    which = "" if len(profile["channels"]) == 1 else " of the channels"
    lines = [f"{shape} {profile['type']}, {least:g} to {most:g}, {distinct} different, mean{which} {means}"]
    if profile["constant"]:
        lines.append(f"{profile['constant']:,} of {profile['places']:,} places hold one value in all train examples")
    if profile["flat"] and "sizes" not in profile:  # of encoded images the suspicions say it
        lines.append(f"{profile['flat']:,} train examples are one value all over")
    return lines


def column_lines(profile: Mapping[str, Any]) -> list[str]:
    """A line for each column of a table: its kind, what becomes of it, and what it holds."""
    columns = profile.get("columns", [])
    lines = [f"{each['name']}: {', '.join(column_words(each))}" for each in columns[:COLUMNS]]
    if len(columns) > COLUMNS:
        lines.append(f"and {len(columns) - COLUMNS} more columns")
    return lines


def column_words(column: Mapping[str, Any]) -> list[str]:
    """What is known of a column, in parts: `a number`, `466 different`, `-6.8 to 76.8`, `12 missing`."""
    becomes = column["becomes"]
    words = [becomes if column["kind"] in becomes or becomes.startswith("one-hot") else f"{column['kind']}, {becomes}"]
    words.append(f"{column['distinct']:,} different")
    if column.get("min") is not None:
        words.append(f"{column['min']:.6g} to {column['max']:.6g}, median {column['median']:.6g}")
    if column.get("from") is not None:
        words.append(f"{column['from']} to {column['to']}")
        words += [f"written as {column['form']}"] if column["form"] else []
    if column["missing"]:
        words.append(f"{column['missing']:,} missing")
    if column.get("words"):
        words.append(f"among the numbers {', '.join(map(repr, column['words'][:5]))}")
    if column.get("top") and column["top"][0][1] > 1:
        words.append("most frequent " + ", ".join(f"{text} {count:,}" for text, count in column["top"][:3]))
    return words


def image_lines(profile: Mapping[str, Any]) -> list[str]:
    """Lines on images: the sizes that were found and what they become, modes, values, and what was passed over."""
    if "sizes" not in profile:
        return []
    sizes, becomes = profile["sizes"], profile["becomes"]
    (narrow, wide), (low, high) = sizes["widths"], sizes["heights"]
    found = f"{narrow} × {low} pixels" if sizes["different"] == 1 else f"{narrow} to {wide} × {low} to {high} pixels"
    modes = ", ".join(f"{count:,} {mode}" for mode, count in profile["modes"].items())
    least, most = profile["values"]
    lines = [
        f"found {found} ({modes}); they become {becomes['width']} × {becomes['height']} × {becomes['channels']} "
        f"{becomes['type']}, values {least:g} to {most:g}"
    ]
    if passed := profile["passed_over"]:
        lines.append("passed over: " + ", ".join(f"{count:,} {ending}" for ending, count in passed.items()))
    return lines


def class_line(dataset: Dataset, store: Store) -> str | None:
    """The classes with their train examples; None for regression."""
    if not dataset.classes:
        return None
    counts = class_counts(dataset, store)
    told = [f"{name} {count:,}" for name, count in zip(dataset.classes, counts, strict=True)]
    return ", ".join(told[:12]) + (f" and {len(told) - 12} more" if len(told) > 12 else "")


def metric_warning(dataset: Dataset, store: Store, metric: str) -> str | None:
    """A sentence where one class holds so many rows that accuracy hides the others; else None."""
    if not dataset.classes or metric != "accuracy":
        return None
    counts = class_counts(dataset, store)
    share = max(counts) / sum(counts)
    if share < MOST:
        return None
    name = dataset.classes[counts.index(max(counts))]
    other = "average_precision" if len(dataset.classes) == 2 else "balanced_accuracy"
    return (
        f"{name!r} is {share:.0%} of the train examples, so always answering it has an accuracy of {share:.2f}: "
        f"goal.metric {other} shows what accuracy hides"
    )


def class_counts(dataset: Dataset, store: Store) -> list[int]:
    """Train examples of each class."""
    import numpy as np

    targets = store.get_array(dataset.splits["train"].targets)
    return [int(count) for count in np.bincount(targets, minlength=len(dataset.classes))]
