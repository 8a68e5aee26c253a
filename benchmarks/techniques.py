"""What each technique brings on networks that are not ResNets, and on a boosted forest: speed, size and score.

    python benchmarks/techniques.py [--minutes 12] [--only mlp convnet1d] [--publish]

Five models are trained on scikit-learn's handwritten digits: a network of depthwise separable convolutions (as pictures
of 8 × 8), a convolutional network and a transformer for sequences (8 steps of 8 numbers), a multilayer perceptron (64
numbers) and LightGBM (a table of 64 columns). Each is the subject of a study with the tables `precision` and `pruning`,
so that its rows are paired over seeds and over the same examples, and their intervals are those of the study.
`--minutes` is the budget of each. The home (`PAREDOWN_HOME`) keeps what was measured.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from publish import BENCHMARKS, lines_of, publish
from sklearn.datasets import load_digits

from flows.services import environment
from flows.study.study_outcome import StudyResult
from tasks.study.verdicts import CellResult

NAME = "techniques"
TRAIN = {"epochs": 12, "batch_size": 64, "learning_rate": 3.0e-3, "schedule": "one_cycle"}
MODELS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "separable convnet": (
        "pictures",
        {"factory": "convnet", "arguments": {"width": 64, "depth": 3, "block": "separable"}},
    ),
    "convnet1d": ("sequences", {"factory": "convnet1d", "arguments": {"width": 64, "depth": 2}}),
    "mlp": ("numbers", {"factory": "mlp", "arguments": {"width": 512, "depth": 3}}),
    "transformer": ("sequences", {"factory": "transformer", "arguments": {"width": 64, "depth": 2}}),
    "lightgbm": ("table", {"family": "lightgbm"}),
}
"""Model → the form of the digits that it gets, and the recipe's section `model`."""
HEAD = ["| model | technique | times as fast | times as small | points | seeds |", "|---|---|---|---|---|---|"]


def main() -> None:
    """Runs the studies, prints the table, and writes it where asked."""
    options = read_options()
    if options.publish:
        lines_of(BENCHMARKS.read_text(), NAME)  # marks that are missing show before the hour, not after
    environment.prepare_environment()
    from flows.study.studying import study  # not above: Prefect reads its settings when it is imported

    lines, last = [*HEAD], None
    with tempfile.TemporaryDirectory() as folder:
        sources = write_digits(Path(folder))
        for name in options.only or MODELS:
            recipe = write_recipe(name, sources, options.minutes, Path(folder))
            last = study(str(recipe)).result
            lines += rows_of(name, last)
    if last:
        told = "95 % intervals, widened for the number of settings of each table"
        lines += ["", f"n = {last.n} validation examples; {told}. Host: {last.host}."]
    print("\n".join(lines))
    if options.publish:
        publish(NAME, lines)


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=12, help="of each study")
    parser.add_argument("--only", nargs="+", choices=[*MODELS], help="some of the models")
    parser.add_argument("--publish", action="store_true", help="put the table into docs/benchmarks.md")
    return parser.parse_args()


def write_digits(folder: Path) -> dict[str, dict[str, Any]]:
    """Writes the digits in four forms; form → the recipe's section `data`, without the split."""
    digits = load_digits()
    pictures, classes = digits.images.astype(np.uint8), digits.target
    np.savez(folder / "sequences.npz", x=pictures.astype(np.float32), y=classes)
    np.savez(folder / "numbers.npz", x=pictures.reshape(len(pictures), -1).astype(np.float32), y=classes)
    table = pd.DataFrame(digits.data, columns=digits.feature_names).assign(digit=[f"digit {each}" for each in classes])
    table.to_csv(folder / "table.csv", index=False)
    arrays = {"kind": "array"}
    return {
        "pictures": {"source": "sklearn:digits"},
        "sequences": {"source": str(folder / "sequences.npz"), **arrays},
        "numbers": {"source": str(folder / "numbers.npz"), **arrays},
        "table": {"source": str(folder / "table.csv"), "target": "digit"},
    }


def write_recipe(name: str, sources: Mapping[str, Mapping[str, Any]], minutes: float, folder: Path) -> Path:
    """Writes a model's recipe, and returns its file."""
    form, model = MODELS[name]
    content: dict[str, Any] = {
        "name": f"techniques-{name.replace(' ', '-')}",
        "data": {**sources[form], "split": {"validation": 0.3, "test": 0.1, "calibration": 512, "seed": 0}},
        "model": model,
        "goal": {"metric": "accuracy", "max_drop": 0.01, "minimize": "latency"},
        "runtime": {"provider": "cpu", "threads": 1, "batch": 1, "processes": 3},
        "study": {"minutes": minutes, "tables": ["precision", "pruning"], "most_seeds": 5, "confirm": False},
    }
    if "factory" in model:
        content |= {"model": {**model, "factory": f"tasks.architectures:{model['factory']}"}, "train": TRAIN}
        content["preprocess"] = [{"step": "normalize" if form == "pictures" else "scale"}]
    place = folder / f"{form}-{name.replace(' ', '-')}.yaml"
    place.write_text(yaml.safe_dump(content))
    return place


def rows_of(name: str, result: StudyResult) -> list[str]:
    """A row for each setting of each table but the first; below them, why a table is missing."""
    found = [row_of(name, row, table.rows[0]) for table in result.tables for row in table.rows[1:]]
    missing = [f"| {name} | {each.title}: {each.reason} | | | | |" for each in result.left_out]
    return found + missing + [f"| {name} | {each}: no time | | | | |" for each in result.not_begun]


def row_of(name: str, row: CellResult, first: CellResult) -> str:
    """A setting: how many times as fast and as small as the first of its table, and what it gains in points."""
    cost, effect = row.cost, row.effect
    speed = f"{1 / cost.value:.2f} [{1 / cost.high:.2f}, {1 / cost.low:.2f}]" if cost else "–"
    size = f"{first.bytes / row.bytes:.1f}" if row.bytes and first.bytes else "–"
    gain = f"{100 * effect.value:+.1f} [{100 * effect.low:+.1f}, {100 * effect.high:+.1f}]" if effect else row.sentence
    return f"| {name} | {row.cell.name} | {speed} | {size} | {gain} | {row.seeds} |"


if __name__ == "__main__":
    main()
