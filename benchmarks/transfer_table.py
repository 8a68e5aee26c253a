"""The table of transfer learning: each way's accuracy, and how far it is above the reference, with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.kernels.statistics import intervals, metrics

WAYS = {
    "scratch": "from scratch",
    "reference": "frozen features and scikit-learn's logistic regression, all of train",
    "same pictures": "the same, without the pictures of validation",
    "features": "`features`",
    "fine_tune": "`fine_tune`",
    "auto": "`auto`",
}
"""Way → its name in the table, in the table's order."""
HEAD = "| way | accuracy | worst to best seed | against the reference, paired | minutes | seeds |"


def table_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table in Markdown, a row for each way, with what must be known of it below."""
    known = {way: np.array([[int(x) for x in row["right"]] for row in rows if row["way"] == way]) for way in WAYS}
    lines = [
        "| way | accuracy | worst to best seed | against the reference, paired | minutes | seeds |",
        "|" + "---|" * 6,
    ]
    for way, name in WAYS.items():
        if len(known[way]):
            found = [row for row in rows if row["way"] == way]
            lines.append(f"| {name} | {' | '.join(cells(known[way], known['reference'], found))} |")
    folds = [
        f"{row['network']} {row['accuracy']:.3f} [{row['low']:.3f}, {row['high']:.3f}], n = {row['n']}"
        for row in rows
        if row["way"] == "folds"
    ]
    scratch, auto = ([row for row in rows if row["way"] == way] for way in ("scratch", "auto"))
    chosen = ", ".join(f"{mode} {count}" for mode, count in counted(row["chosen"] for row in auto).items())
    epochs = ", ".join(str(row["epochs"]) for row in scratch)
    return [
        *lines,
        "",
        f"Test: n = {known['auto'].shape[1]} pictures, the same for all seeds; intervals are a bootstrap of these. "
        f"In five folds of train: {'; '.join(folds)}; the table is of {auto[0]['network']}.",
        f"`auto` had {auto[0]['budget']:g} minutes and took: {chosen}. Epochs from scratch: {epochs}. "
        f"{auto[0]['threads']} thread; host, which others used too: {auto[0]['host']}.",
    ]


def counted(values: Iterator[str]) -> dict[str, int]:
    """How often each value occurs."""
    found: dict[str, int] = {}
    for value in values:
        found[value] = found.get(value, 0) + 1
    return found


def cells(
    known: NDArray[np.int_], reference: NDArray[np.int_], rows: Sequence[Mapping[str, Any]]
) -> tuple[str, str, str, str, str]:
    """The cells of a way: its mean over seeds, with the interval over pictures, and what it is above the reference."""
    mean, base = (values.mean(0).astype(np.float64) for values in (known, reference))
    drawn = intervals.bootstrap([metrics.mean_of(mean), metrics.mean_of(base)], len(mean))
    (low, high), (least, most) = intervals.percentiles(drawn[0]), intervals.percentiles(drawn[0] - drawn[1])
    scores, minutes = known.mean(1), [row["minutes"] for row in rows if "minutes" in row]
    return (
        f"{mean.mean():.3f} [{low:.3f}, {high:.3f}]",
        f"{scores.min():.3f} to {scores.max():.3f}",
        f"{mean.mean() - base.mean():+.3f} [{least:+.3f}, {most:+.3f}]" if rows[0]["way"] != "reference" else "–",
        f"{np.mean(minutes):.1f} (at most {max(minutes):.1f})" if minutes else "–",
        str(len(known)),
    )
