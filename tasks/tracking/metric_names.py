"""Metric names: nested values and scorecards as the flat metrics, parameters and tags that MLflow stores."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tasks.core.scorecard import Estimate, LibraryComparison, RunProfile, Scorecard

if TYPE_CHECKING:
    from tasks.kernels.statistics.metrics import Metric


def dotted(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested values as dotted path → text: a string unchanged, any other value as JSON."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= dotted(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value if isinstance(value, str) else json.dumps(value, default=str)
    return flat


def plain_name(text: str) -> str:
    """The text with `-` for each character other than letters, digits and `_-. /`: a name that MLflow accepts.

    MLflow does not accept a colon on every operating system.
    """
    return re.sub(r"[^\w\-. /]", "-", text)


def shorten(text: str, longest: int) -> str:
    """The text, cut with an ellipsis to at most `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def scorecard_metrics(card: Scorecard) -> dict[str, float]:
    """All numbers of a scorecard by flat name, for example `validation.accuracy`, `latency.ratio.low`, `size.bytes`.

    Ends of intervals have the suffixes `.low` and `.high`, counts `.n`. The names of score and drop begin with the
    split; those of a group are `validation.group.sex.F.accuracy`, `.drop` and `.n`.
    """
    split, latency, size = card.split, card.latency, card.size
    metrics = _interval(f"{split}.{card.metric}", card.score)
    metrics |= _interval(f"{split}.drop", card.drop.estimate)
    metrics |= {f"{split}.drop.margin": card.drop.margin}
    metrics |= {} if card.drop.needed is None else {f"{split}.drop.needed": float(card.drop.needed)}
    metrics |= {"latency.median_ms": latency.median_ms, "latency.p95_ms": latency.p95_ms}
    metrics |= {"latency.n": float(latency.n), "latency.processes": float(latency.processes)}
    metrics |= _interval("latency.ratio", latency.ratio)
    metrics |= _interval("latency.float_ratio", latency.float_ratio) if latency.float_ratio else {}
    metrics |= {"throughput.per_second": card.throughput, "size.ratio": card.size_ratio}
    metrics |= {
        "size.bytes": float(size.bytes),
        "size.parameters": float(size.parameters),
        "size.nonzeros": float(size.nonzeros),
        "size.macs": float(size.macs),
        "size.peak_memory_mb": size.peak_memory_mb,
    }
    metrics |= _group_metrics(card)
    for hop in card.parity:
        name = "parity." + re.sub(r"\W+", "-", hop.hop)
        metrics |= {f"{name}.max_difference": hop.max_difference, f"{name}.agreement": hop.agreement}
    return metrics


def library_metrics(found: LibraryComparison) -> dict[str, float]:
    """The latencies beside Python's by flat name: `python.pipeline.predict of scikit-learn.1000.ratio`, …

    `.median_ms` and `.ratio` of each peer and number of rows; the ratio is the peer's time over the product's.
    """
    metrics: dict[str, float] = {}
    for each in found.times:
        name = f"python.{plain_name(each.name)}.{each.rows}"
        metrics |= {f"{name}.median_ms": each.median_ms, **_interval(f"{name}.ratio", each.ratio)}
    return metrics


def profile_metrics(found: RunProfile) -> dict[str, float]:
    """The run profile by flat name: `batch.8.ratio`, `first_run.product.load_ms`, `.call_ms`, `.memory_mb`, …"""
    metrics: dict[str, float] = {}
    for each in found.batches:
        metrics |= {f"batch.{each.batch}.baseline_ms": each.baseline_ms, f"batch.{each.batch}.ms": each.product_ms}
        metrics |= _interval(f"batch.{each.batch}.ratio", each.ratio)
    for name, start in zip(("baseline", "product"), found.starts, strict=False):
        for key, value in (("load_ms", start.load_ms), ("call_ms", start.call_ms), ("memory_mb", start.memory_mb)):
            metrics |= _interval(f"first_run.{name}.{key}", value)
    return metrics


def _group_metrics(card: Scorecard) -> dict[str, float]:
    """Score, drop and count of every group; groups whose names become the same get numbers."""
    metrics: dict[str, float] = {}
    for place, group in enumerate(card.groups):
        name = f"{card.split}.group.{plain_name(group.column)[:80]}.{plain_name(group.value)[:80]}"
        name = f"{name} {place}" if f"{name}.n" in metrics else name
        metrics[f"{name}.n"] = float(group.n)
        if group.score and group.drop:
            metrics |= _interval(f"{name}.{card.metric}", group.score) | _interval(f"{name}.drop", group.drop.estimate)
    return metrics


def scorecard_tags(card: Scorecard, metric: Metric) -> dict[str, str]:
    """The tags of a registered product: its measurements as text, with 95 % intervals and counts, and the host."""
    better = "lower" if metric.lower_is_better else "higher"
    chosen = {} if card.threshold is None else {"paredown.threshold": f"{card.threshold:.6g}"}
    return chosen | {
        "paredown.candidate": card.candidate,
        "paredown.name": card.name,
        "paredown.host": card.host,
        "paredown.split": card.split,
        "paredown.score": f"{metric.title} {_words(card.score)} examples ({better} is better)",
        "paredown.drop": f"{_words(card.drop.estimate)} examples: {card.drop.verdict} {card.drop.margin:g}",
        "paredown.speedup": f"{_words(card.latency.ratio)} processes: {card.latency.words}",
        "paredown.latency": f"median {card.latency.median_ms:.4g} ms, p95 {card.latency.p95_ms:.4g} ms",
        "paredown.size": f"{card.size.bytes} bytes, {card.size_ratio:.4g} times smaller than the baseline",
    }


def _interval(name: str, estimate: Estimate) -> dict[str, float]:
    low, high, n = f"{name}.low", f"{name}.high", f"{name}.n"
    return {name: estimate.value, low: estimate.low, high: estimate.high, n: float(estimate.n)}


def _words(estimate: Estimate) -> str:
    return f"{estimate.value:.4g} [{estimate.low:.4g}, {estimate.high:.4g}], 95 %, {estimate.n}"
