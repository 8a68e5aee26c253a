"""Compression of a network that others trained, beside the field's tools, in one run on this machine.

    python benchmarks/compression.py --data FOLDER --weights resnet20.th --network resnet20 [--json out.json]
    python benchmarks/compression.py … --publish
    python benchmarks/compression.py … --minutes 30 --peers

With `--publish` the table goes into docs/benchmarks.md. With `--minutes`, a joint search over steps, order, knobs and
recovery goes beside the branches that are fixed, and the table has a place of its own.
FOLDER holds CIFAR-10 as train.parquet and test.parquet. The network is first fine-tuned for one epoch on these
images: that is the baseline. Such networks were trained on all the training images, so one half of the test images is
the validation split, which chooses, and the other half is the test, which is opened for the chosen files only. For
each margin a tool is given by its fastest file that validation finds likely within the margin (`goal.proof: likely`:
four times in five), in ONNX Runtime, and where OpenVINO is installed once more in that, in any precision that this
processor has; `runtime alone` is the baseline there. All is timed interleaved on one thread in fresh processes; a ratio
is the time of the baseline in ONNX Runtime over the file's: above 1 is faster.

The home (`PAREDOWN_HOME`) keeps what was done: a benchmark that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from comparison import MARGINS, judge, show, table
from contestants import FINE_TUNING, gather
from publish import publish

from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from flows.services import environment
from tasks.core import Context, PlainRunner, Workspace
from tasks.kernels.host.machine import host_name
from tasks.techniques import replay
from tasks.training import train
from tasks.training.training_data import load_training_data

if TYPE_CHECKING:
    from flows.results.outcome import Outcome


def main() -> None:
    """Runs everything, prints the tables, and writes JSON when asked."""
    options = read_options()
    workspace = environment.prepare_environment()
    folder = workspace.home / "compression" / options.network
    folder.mkdir(parents=True, exist_ok=True)
    halve(options.data / "test.parquet", folder)
    outcome, minutes = pare(recipe(options, folder, fine_tuned(options, folder, workspace)), folder)
    rows = judge(gather(options, outcome, minutes, folder, workspace), outcome.findings.prepared, workspace)
    show(rows, options.network)
    if options.publish:
        search = " search" if options.minutes else ""
        publish(f"compression {options.network}{search}", table(rows, options.network))
    if options.json:
        options.json.write_text(json.dumps({"host": host_name(), "network": options.network, "rows": rows}, indent=1))


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.parquet and test.parquet")
    parser.add_argument("--weights", type=Path, required=True, help="a trained state dict")
    parser.add_argument("--network", default="resnet20", help="a name in tasks.architectures")
    parser.add_argument("--remove", type=int, nargs="+", default=[1, 1, 1, 1], help="blocks that go, rung by rung")
    parser.add_argument("--epochs", type=int, nargs="+", default=[2], help="of recovery, rung by rung, or on every one")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32", help="of the recovery")
    parser.add_argument("--minutes", type=float, help="of a joint search for further branches, which the chain's join")
    parser.add_argument(
        "--peers", nargs="*", default=["onnxruntime", "nncf", "torch-pruning", "l1"], help="whom to compare"
    )
    parser.add_argument("--ratio", type=float, default=1.35, help="how many times fewer MACs pruning peers should need")
    parser.add_argument("--publish", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    options.epochs = options.epochs * len(options.remove) if len(options.epochs) == 1 else options.epochs
    if len(options.epochs) != len(options.remove):
        parser.error(f"--epochs must have one number, or one for each of the {len(options.remove)} rungs of --remove")
    return options


def halve(source: Path, folder: Path) -> None:
    """The test images in two files of the folder: every other one is validation."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(source)
    for name, start in (("validation", 0), ("test", 1)):
        if not (folder / f"{name}.parquet").exists():
            parquet.write_table(table.take(list(range(start, len(table), 2))), folder / f"{name}.parquet")


def recipe(options: argparse.Namespace, folder: Path, weights: Path) -> Recipe:
    """What Paredown is asked for: int8 alone, and a chain that gets shallower rung by rung, in int8 on each."""
    chain: list[dict[str, Any]] = []
    branches = [{"name": "int8", "steps": [{"step": "int8"}]}]
    removed = 0
    for count, epochs in zip(options.remove, options.epochs, strict=True):
        removed += count
        chain += [
            {"step": "blocks", "remove": count},
            {"step": "recover", "epochs": epochs, "precision": options.precision},
        ]
        name = f"{removed} blocks fewer + int8"
        branches.append({"name": name, "steps": [*chain, {"step": "int8"}]})
    search = options.minutes and {"minutes": options.minutes}
    return validate_recipe(
        {
            "name": f"compression-{options.network}",
            "data": {
                "source": str((options.data / "train.parquet").resolve()),
                "validation": str((folder / "validation.parquet").resolve()),
                "test": str((folder / "test.parquet").resolve()),
                "target": "label",
            },
            "preprocess": [{"step": "normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}],
            "augment": [{"step": "crop", "padding": 4}, {"step": "flip"}],
            "model": {"factory": f"tasks.architectures:{options.network}", "weights": str(weights.resolve())},
            "compress": {"branches": branches, "search": search},
            "goal": {"metric": "accuracy", "max_drop": MARGINS[-1], "proof": "likely", "tie": 0},
        }
    )


def fine_tuned(options: argparse.Namespace, folder: Path, workspace: Workspace) -> Path:
    """The network after one epoch on these images: everyone's baseline."""
    import torch

    path = folder / "baseline.pt"
    if not path.exists():
        from flows.pipeline.preparation import make_baseline, prepare_data
        from flows.pipeline.run_context import Job

        job = Job(recipe(options, folder, options.weights), Context(workspace), PlainRunner())
        prepared = prepare_data(job)
        network = replay.load_network(make_baseline(job, prepared), workspace.store)
        data = load_training_data(job.inputs(prepared), job.context)
        train.train(network.to(workspace.device), data, FINE_TUNING)
        torch.save(network.cpu().state_dict(), path)
    return path


def pare(wanted: Recipe, folder: Path) -> tuple[Outcome, float]:
    """Paredown's whole run, as a user starts it, and the minutes of the first run that came to its end."""
    from flows.optimize import optimize

    started, record, conf = time.monotonic(), folder / "minutes.json", folder / "recipe.yaml"
    conf.write_text(yaml.safe_dump(wanted.model_dump(mode="json", exclude_unset=True), sort_keys=False))
    outcome = optimize(str(conf))
    if not record.exists():
        record.write_text(json.dumps((time.monotonic() - started) / 60))
    return outcome, float(json.loads(record.read_text()))


if __name__ == "__main__":
    main()
