"""Ensembles of networks on Fashion-MNIST: members, their averages, and a student with and without the teacher.

    python benchmarks/ensembles.py --data FOLDER [--members 3] [--epochs 8] [--seed 0] [--publish]

FOLDER holds Fashion-MNIST as IDX files; of its training images 10,000 train, 2,000 validate and 8,000 test. All
networks are the same convnet of 8 channels. Every accuracy is that of the exported file in ONNX Runtime; differences
are paired with the first member on the same test images, with 95 % intervals (Tango's).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from publish import publish

from tasks.compression.fine_tuning import distill
from tasks.compression.network_fit import train_ensemble
from tasks.conversion.onnx_export import Export, export
from tasks.core import Candidate, Context, MetricSpec, PlainRunner, Prepared, Store, Workspace
from tasks.data import ingestion, input_layout, preprocessing
from tasks.data.data_spec import DataSpec
from tasks.data.readers import Request, idx
from tasks.evaluation.metric_choice import metric_of
from tasks.evaluation.scoring import score_products
from tasks.kernels.host.machine import host_name
from tasks.kernels.onnx import sessions
from tasks.models.model_spec import ModelSpec
from tasks.training import baseline
from tasks.training.student import Distill
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs

IMAGES = 20_000
SPLIT = {"validation": 0.1, "test": 0.4}
NETWORK: dict[str, Any] = {"factory": "tasks.architectures:convnet", "arguments": {"width": 8, "depth": 2}}
METRIC = MetricSpec("accuracy")


def main() -> None:
    """Trains, scores, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with Fashion-MNIST as IDX files")
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        context = Context(Workspace(Path(folder), ""))
        prepared = prepare(options.data, Path(folder), context, options.seed)
        train = TrainSpec(epochs=options.epochs, learning_rate=0.01, seed=options.seed, early_stopping=None)
        found = networks(options.members, train, TrainingInputs(prepared, metric=METRIC), context)
        lines = table(found, prepared, context.store)
    told = f"{options.members} members, {options.epochs} epochs, seed {options.seed}, on {host_name()}."
    print("\n".join([*lines, "", told]))
    if options.publish:
        publish("ensembles", [*lines, "", told])


def prepare(source: Path, folder: Path, context: Context, seed: int) -> Prepared:
    """The first training images of a folder of IDX files, split."""
    train = idx.read_idx(Request(str(source))).train
    np.savez(folder / "images.npz", images=train.inputs[:IMAGES], labels=train.targets[:IMAGES])
    spec = DataSpec.model_validate({"source": str(folder / "images.npz"), "split": {**SPLIT, "seed": seed}})
    dataset = ingestion.ingest(spec, ingestion.source_stamp(spec), context)
    return preprocessing.preprocess(dataset, (), context.store)


def networks(count: int, train: TrainSpec, inputs: TrainingInputs, context: Context) -> dict[str, Candidate]:
    """What is compared, by name; the first member comes first. Members are trained once for all averages."""
    trained: dict[str, Candidate] = {}

    class Trained(PlainRunner):
        def run(self, label: str, verb: Any, *args: Any, **kwargs: Any) -> Any:
            key = f"{label} {args[1]}"  # the training
            found = trained.get(key) or super().run(label, verb, *args, **kwargs)
            if verb is baseline.fit:
                trained[key] = found
            return found

    def ensemble(train: TrainSpec = train, **knobs: Any) -> Candidate:
        model = ModelSpec.model_validate({**NETWORK, "ensemble": knobs})
        return train_ensemble(model, train, inputs, context, Trained())

    average = ensemble(members=count)
    found = {f"member {place + 1}": each for place, each in enumerate(trained.values())}
    found |= {
        "average of probabilities": average,
        "average of logits": ensemble(members=count, average="logits"),
        "average, fitted weights": ensemble(members=count, weights="fitted"),
        f"{count} snapshots of one training": ensemble(snapshots=count),
        f"{count} snapshots, {count} times the epochs": ensemble(
            train.model_copy(update={"epochs": count * train.epochs}), snapshots=count
        ),
    }
    knobs = {**NETWORK, "epochs": train.epochs, "learning_rate": 0.01, "seed": train.seed}
    for name, more in {"taught by the average": {}, "not taught": {"taught": False}}.items():
        found[f"student, {name}"] = distill(average, Distill.model_validate({**knobs, **more}), inputs, context)
    return found


def table(found: Mapping[str, Candidate], prepared: Prepared, store: Store) -> list[str]:
    """A row for each network: accuracy and paired difference to the first, on test, and bytes."""
    inputs = input_layout.product_inputs(prepared, "test", store)
    files = {name: store.path(export(each, prepared, Export(), store).content) for name, each in found.items()}
    outputs = {name: sessions.predict(file, inputs) for name, file in files.items()}
    targets = preprocessing.targets(prepared, "test", store)
    scored = score_products(outputs, next(iter(found)), targets, metric_of(METRIC), 0.0)
    student = {name: outputs[name] for name in outputs if name.startswith("student")}
    alone = next(name for name in student if name.endswith("not taught"))
    lesson = score_products(student, alone, targets, metric_of(METRIC), 0.0)
    lines = ["| network | accuracy | difference to member 1 | bytes |", "|---|---|---|---|"]
    for name, (score, drop) in scored.items():
        gain = drop.estimate
        size = f"{files[name].stat().st_size / 1000:.0f} kB"
        difference = f"{0 - gain.value:+.4f} [{0 - gain.high:+.4f}, {0 - gain.low:+.4f}]"
        lines.append(f"| {name} | {score.value:.4f} [{score.low:.4f}, {score.high:.4f}] | {difference} | {size} |")
    taught = next(drop.estimate for name, (_, drop) in lesson.items() if name != alone)
    gained = f"{0 - taught.value:+.4f} [{0 - taught.high:+.4f}, {0 - taught.low:+.4f}]"
    return [*lines, "", f"The student with the teacher against that without: {gained}, n = {taught.n:,} test images."]


if __name__ == "__main__":
    main()
