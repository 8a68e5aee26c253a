"""Flat: nested values and scorecards as flat names to numbers and texts: all that a tracker or a registry takes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tasks.core.scorecard import Estimate, Scorecard


def dotted(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested values as dotted paths to text: a string as it is, anything else as JSON."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= dotted(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value if isinstance(value, str) else json.dumps(value, default=str)
    return flat


def plain_name(text: str) -> str:
    """A name of letters, digits and `_-. /`, which is what MLflow takes (a colon not on every system)."""
    return re.sub(r"[^\w\-. /]", "-", text)


def shorten(text: str, longest: int) -> str:
    """The text, or its beginning and an ellipsis: at most `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def scorecard_metrics(card: Scorecard) -> dict[str, float]:
    """Every number of a card under a flat name: `validation.accuracy`, `latency.ratio.low`, `size.bytes` …

    Interval ends are `.low` and `.high`, counts `.n`. Only what belongs to a split bears its name.
    """
    split, latency, size = card.split, card.latency, card.size
    metrics = _interval(f"{split}.{card.metric}", card.score)
    metrics |= _interval(f"{split}.drop", card.drop.estimate)
    metrics |= {f"{split}.drop.margin": card.drop.margin}
    metrics |= {} if card.drop.needed is None else {f"{split}.drop.needed": float(card.drop.needed)}
    metrics |= {"latency.median_ms": latency.median_ms, "latency.p95_ms": latency.p95_ms}
    metrics |= {"latency.n": float(latency.n), "latency.processes": float(latency.processes)}
    metrics |= _interval("latency.ratio", latency.ratio)
    metrics |= {"throughput.per_second": card.throughput, "size.ratio": card.size_ratio}
    metrics |= {
        "size.bytes": float(size.bytes),
        "size.parameters": float(size.parameters),
        "size.nonzeros": float(size.nonzeros),
        "size.macs": float(size.macs),
        "size.peak_memory_mb": size.peak_memory_mb,
    }
    for hop in card.parity:
        name = "parity." + re.sub(r"\W+", "-", hop.hop)
        metrics |= {f"{name}.max_difference": hop.max_difference, f"{name}.agreement": hop.agreement}
    return metrics


def scorecard_tags(card: Scorecard) -> dict[str, str]:
    """What a reader of the registry needs to know of a product: each number with interval, count and host."""
    from tasks.kernels.statistics.metrics import METRICS

    better = "lower" if METRICS[card.metric].lower_is_better else "higher"
    return {
        "paredown.candidate": card.candidate,
        "paredown.name": card.name,
        "paredown.host": card.host,
        "paredown.split": card.split,
        "paredown.score": f"{card.metric} {_words(card.score)} examples ({better} is better)",
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
