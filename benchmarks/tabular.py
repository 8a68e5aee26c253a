"""Simple models of tables: Paredown's product beside scikit-learn and LightGBM, as they are and tuned.

    python benchmarks/tabular.py --data FOLDER --out rows.jsonl [--tables adult wine] [--splits 5] [--publish]

Each table is split several times; every contender gets the same training rows and is judged on the same test rows.
Paredown runs a recipe that names data, target and metric, and nothing else. `default` is the best on held rows of four
models as their libraries make them; `tuned` is a random search over them that spends as many seconds as Paredown's
whole run, measuring of latencies included. All fits use one thread. FOLDER holds adult/, bike_sharing/,
california_housing/ and elec2/. A row that --out has already is not made again; --publish writes the table of
docs/benchmarks.md from all rows of --out.
"""

from __future__ import annotations

import argparse
import inspect
import json
import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from peers.simple_models import answers_of, default_model, tuned_model
from publish import publish
from scipy import stats
from tables import TABLES, Parts, Table, splits_of

from flows.pipeline.findings import Findings
from flows.pipeline.pipeline import run_pipeline
from flows.pipeline.run_context import Job
from flows.recipe.loading import validate_recipe
from tasks.core import Context, Workspace
from tasks.core.cache_key import cache_key
from tasks.kernels.host.machine import host_name
from tasks.kernels.statistics.metrics import METRICS

MARGINS = {"roc_auc": 0.001, "accuracy": 0.005}
"""What the product may lose; of a regression, DEVIATIONS of the target."""
DEVIATIONS = 0.003
HEAD = (
    "| table | metric, n | product | best model | default | tuned | product − tuned, higher is better | minutes "
    "| 1 row: pipeline, model alone | 1,000 rows: pipeline, model alone | kB | largest difference |"
)


P = ParamSpec("P")
T = TypeVar("T")


class RememberingRunner:
    """A `Runner` without servers that answers the same call again from memory, as the flow's cache does."""

    def __init__(self) -> None:
        self._answers: dict[str, Any] = {}

    def run(self, label: str, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of the verb."""
        key = cache_key(verb.__name__, inspect.signature(verb).bind(*args, **kwargs).arguments)
        if key not in self._answers:
            self._answers[key] = verb(*args, **kwargs)
        return cast(T, self._answers[key])


def main() -> None:
    """Measures the rows that are missing, and publishes all when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tables", nargs="*", default=[table.name for table in TABLES])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    for table in (table for table in TABLES if table.name in options.tables):
        for parts in splits_of(table, table.read(options.data), options.splits):
            if not any(row["table"] == table.name and row["split"] == parts.number for row in rows_in(options.out)):
                row = measure(table, parts)
                with options.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(json.dumps(row), flush=True)
    if options.publish:
        publish("tabular", table_of(rows_in(options.out)))


def rows_in(file: Path) -> list[dict[str, Any]]:
    """The rows that were measured before."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def measure(table: Table, parts: Parts) -> dict[str, Any]:
    """One split: the scores of all contenders on its test, and what the product costs."""

    def score(answers: NDArray[Any], targets: Any) -> float:
        return oriented_score(table, answers, targets, sorted(set(parts.train[table.target])))

    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        findings = optimize(table, parts, Path(folder))
        seconds = time.monotonic() - started
    given = (parts.train, table.target, table.task, table.by, score)
    default, default_name = default_model(*given)
    tuned, tuned_name = tuned_model(*given, seconds)
    rows, targets = parts.test.drop(columns=table.target), parts.test[table.target]
    return {
        "table": table.name,
        "split": parts.number,
        "train": len(parts.train),
        "test": len(parts.test),
        "metric": table.metric,
        "seconds": seconds,
        "host": host_name(),
        **product_row(findings),
        "default": score(answers_of(default, rows), targets),
        "tuned": score(answers_of(tuned, rows), targets),
        "default model": default_name,
        "tuned model": tuned_name,
    }


def optimize(table: Table, parts: Parts, folder: Path) -> Findings:
    """Paredown's main job on a split, without servers."""
    for name, frame in (("train", parts.train), ("test", parts.test)):
        frame.to_csv(folder / f"{name}.csv", index=False)
    drop = MARGINS.get(table.metric) or DEVIATIONS * float(parts.train[table.target].std())
    data = {"source": str(folder / "train.csv"), "test": str(folder / "test.csv"), "target": table.target}
    split = {"by": table.by, "validation": 0.2}
    goal = {"metric": table.metric, "max_drop": drop}
    recipe = validate_recipe({"name": table.name, "data": {**data, "task": table.task, "split": split}, "goal": goal})
    return run_pipeline(Job(recipe, Context(Workspace(folder / "home", "")), RememberingRunner()))


def product_row(findings: Findings) -> dict[str, Any]:
    """The product's score on the test, and its costs."""
    card = findings.test[findings.product.digest]
    hops = [hop for hop in card.parity if hop.hop.startswith("scikit-learn")]
    times = findings.library.times if findings.library else ()
    return {
        "product": findings.metric.oriented(card.score.value),
        "best model": findings.metric.oriented(findings.baseline.score.value),
        "product name": card.name,
        "family": findings.recipe.model.family,
        "bytes": card.size.bytes,
        "difference": max((hop.max_difference for hop in hops), default=None),
        "refit": (findings.refit.refusal or findings.refit.rows) if findings.refit else None,
        "ratios": [[each.name, each.rows, each.ratio.value] for each in times],
    }


def oriented_score(table: Table, answers: NDArray[Any], targets: Any, classes: Sequence[Any]) -> float:
    """The metric of probabilities or predictions, by the project's own code, with the sign that makes higher better."""
    metric = METRICS[table.metric]
    if table.task == "classification":
        answers = np.log(np.maximum(answers, 1e-12))
        true = np.array([classes.index(each) for each in targets])
    else:
        answers, true = answers.reshape(-1, 1), np.asarray(targets, dtype=np.float64)
    return metric.oriented(float(metric.weighted(answers, true)(np.ones((len(answers), 1)))[0]))


def table_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table in Markdown, a row for each data set, with what must be known of it below."""
    lines = [HEAD, "|" + "---|" * 12]
    for table in TABLES:
        found = [row for row in rows if row["table"] == table.name]
        if found:
            lines.append(f"| {' | '.join(cells(table, found))} |")
    hosts = "; ".join(dict.fromkeys(row["host"] for row in rows))
    return [*lines, "", f"Host: {hosts}."]


def cells(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The cells of one data set: means over its splits."""
    sign = METRICS[table.metric].oriented(1.0)
    contenders = ("product", "best model", "default", "tuned")
    means = {name: sign * np.mean([row[name] for row in rows]) for name in contenders}
    gain, half = paired([row["product"] - row["tuned"] for row in rows], rows)
    differences = [row["difference"] for row in rows if row["difference"] is not None]
    return [
        table.name,
        f"{table.metric}, {len(rows)} × {rows[0]['test']:,} {'by time' if table.by == 'time' else 'at random'}",
        *(f"{means[name]:.4g}" for name in contenders),
        f"{gain:+.4g} [{gain - half:+.4g}, {gain + half:+.4g}]",
        f"{np.mean([row['seconds'] for row in rows]) / 60:.1f}",
        *(f"{middle(rows, count, 'pipeline')}, {middle(rows, count, 'alone')}" for count in (1, 1000)),
        f"{np.median([row['bytes'] for row in rows]) / 1000:.1f}",
        f"{max(differences):.1g}" if differences else "–",
    ]


def paired(differences: Sequence[float], rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Mean and half of its 95 % interval, over splits that share rows (Nadeau and Bengio 2003)."""
    count = len(differences)
    share = float(np.mean([row["test"] / row["train"] for row in rows]))
    spread = float(np.std(differences, ddof=1)) if count > 1 else math.nan
    return float(np.mean(differences)), float(stats.t.ppf(0.975, count - 1)) * spread * math.sqrt(1 / count + share)


def middle(rows: Sequence[Mapping[str, Any]], count: int, peer: str) -> str:
    """The median over the splits of a peer's time over the product's."""
    ratios = [
        ratio
        for row in rows
        for name, size, ratio in row["ratios"]
        if size == count and (name.startswith("pipeline") if peer == "pipeline" else "on a ready matrix" in name)
    ]
    return f"{np.median(ratios):.3g}×" if ratios else "–"


if __name__ == "__main__":
    main()
