"""Regenerates the results table in docs/benchmarks.md from real runs of the shipped recipes.

    python benchmarks/results.py digits
    python benchmarks/results.py fashion_mnist --set data.source=FOLDER
    python benchmarks/results.py cifar10_resnet20 --set data.source=TRAIN --set data.test=TEST --set model.weights=FILE

Runs `paredown optimize conf/NAME.yaml` with the values given by --set (an unchanged run is answered from the store),
reads the scorecards that it leaves, and puts the row of NAME into the table of docs/benchmarks.md. Other rows stay, and
README.md's rows are written again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from publish import BENCHMARKS, RESULTS, lines_of, publish

from flows.recipe.loading import load_recipe
from flows.services.environment import home

HEAD = [
    "| recipe | product | accuracy on test | paired drop on test | latency against the baseline | file | host |",
    "|---|---|---|---|---|---|---|",
]


def main() -> None:
    """Runs one recipe and rewrites its row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", help="a name in conf/, without .yaml")
    parser.add_argument("--set", action="append", default=[], dest="values", metavar="KEY=VALUE")
    options = parser.parse_args()
    conf = Path("conf", f"{options.recipe}.yaml")
    done = subprocess.run([sys.executable, "-m", "flows.cli", "optimize", str(conf), *options.values], check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.returncode)
    name = load_recipe(conf, options.values).name
    cards = json.loads((home() / "products" / name / "scorecard.json").read_text())["test"]
    lines = lines_of(BENCHMARKS.read_text(), RESULTS)
    publish(RESULTS, table(lines, options.recipe, row(options.recipe, cards[-1])))


def row(recipe: str, card: dict[str, Any]) -> str:
    """The product's row: every number with its interval, count and host."""
    drop, latency = card["drop"], card["latency"]
    return (
        f"| `{recipe}` | {card['name']} | {interval(card['score'], 4)}, n = {card['score']['n']:,} "
        f"| {interval(drop['estimate'], 4)}: {drop['verdict']} (margin {drop['margin']:g}) "
        f"| {interval(latency['ratio'], 2)}×, {latency['processes']} processes: {latency['verdict']} "
        f"| {card['size']['bytes'] / 1000:.0f} kB, {card['size_ratio']:.1f}× smaller | {card['host']} |"
    )


def interval(estimate: dict[str, float], digits: int) -> str:
    """`0.9889 [0.9717, 0.9957]`."""
    return f"{estimate['value']:.{digits}f} [{estimate['low']:.{digits}f}, {estimate['high']:.{digits}f}]"


def table(lines: Sequence[str], recipe: str, line: str) -> list[str]:
    """The table with the recipe's row in it; the rows of other recipes stay."""
    rows = [old for old in lines if old.startswith("| `") and not old.startswith(f"| `{recipe}`")]
    return [*HEAD, *sorted([*rows, line])]


if __name__ == "__main__":
    main()
