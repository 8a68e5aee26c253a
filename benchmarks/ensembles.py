"""Ensembles of networks on Fashion-MNIST: members, their averages, and a student with and without the teacher.

    python benchmarks/ensembles.py --data FOLDER [--members 3] [--epochs 8] [--seeds 3] [--publish]

FOLDER holds Fashion-MNIST as IDX files; of its training images 10,000 train, 2,000 validate and 8,000 test, split anew
for each seed. All networks are the same convnet of 8 channels, trained in bfloat16. Every accuracy is that of the
exported file in ONNX Runtime; differences are with the first member of the seed, on the same test images. Intervals
are 95 %: Student's t over the seeds, and of one seed's students Tango's over its test images.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from publish import publish
from races import mean_interval

from tasks.compression.fine_tuning import distill
from tasks.compression.network_fit import train_ensemble
from tasks.conversion.onnx_export import Export, export
from tasks.core import Candidate, Context, Estimate, MetricSpec, PlainRunner, Prepared, Store, Workspace
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
TAUGHT, UNTAUGHT = "student, taught by the average", "student, not taught"


@dataclass(frozen=True)
class Row:
    """What one seed says of a network."""

    accuracy: float
    gain: float
    """Its accuracy minus that of the first network."""
    size: int
    """Bytes of the file."""


@dataclass(frozen=True)
class Scored:
    """What one seed says."""

    rows: Mapping[str, Row]
    lesson: Estimate
    """How much better the student is with the teacher than without."""


def main() -> None:
    """Trains, scores, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with Fashion-MNIST as IDX files")
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3, help="at least 2")
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    found = []
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            context = Context(Workspace(Path(folder), ""))
            prepared = prepare(options.data, Path(folder), context, seed)
            train = TrainSpec(
                epochs=options.epochs, learning_rate=0.01, precision="bfloat16", seed=seed, early_stopping=None
            )
            trained = networks(options.members, train, TrainingInputs(prepared, metric=METRIC), context)
            found.append(score(trained, prepared, context.store))
        print(f"seed {seed}: {found[-1]}", flush=True)
    note = f"{options.members} members, {options.epochs} epochs, n = {options.seeds} seeds. Host: {host_name()}."
    lines = [*table([each.rows for each in found]), "", lesson(found), "", note]
    print("\n".join(lines))
    if options.publish:
        publish("ensembles", lines)


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
    knobs = {
        **NETWORK,
        "epochs": train.epochs,
        "learning_rate": train.learning_rate,
        "precision": train.precision,
        "seed": train.seed,
    }
    for name, taught in {TAUGHT: True, UNTAUGHT: False}.items():
        found[name] = distill(average, Distill.model_validate({**knobs, "taught": taught}), inputs, context)
    return found


def score(found: Mapping[str, Candidate], prepared: Prepared, store: Store) -> Scored:
    """Accuracy on test, its paired difference to the first network's, and bytes of each network of one seed."""
    inputs = input_layout.product_inputs(prepared, "test", store)
    files = {name: store.path(export(each, prepared, Export(), store).content) for name, each in found.items()}
    outputs = {name: sessions.predict(file, inputs) for name, file in files.items()}
    targets = preprocessing.targets(prepared, "test", store)
    scored = score_products(outputs, next(iter(found)), targets, metric_of(METRIC), 0.0)
    rows = {
        name: Row(own.value, 0.0 - drop.estimate.value, files[name].stat().st_size)
        for name, (own, drop) in scored.items()
    }
    student = {name: outputs[name] for name in (UNTAUGHT, TAUGHT)}
    drop = score_products(student, UNTAUGHT, targets, metric_of(METRIC), 0.0)[TAUGHT][1].estimate
    return Scored(rows, Estimate(0.0 - drop.value, 0.0 - drop.high, 0.0 - drop.low, drop.n))


def table(seeds: Sequence[Mapping[str, Row]]) -> list[str]:
    """A row for each network: means over the seeds."""
    lines = ["| network | accuracy | difference to member 1 | bytes |", "|---|---|---|---|"]
    for name in seeds[0]:
        own = [rows[name] for rows in seeds]
        right, gain = (mean_interval(values) for values in ([x.accuracy for x in own], [x.gain for x in own]))
        size = f"{statistics.median(each.size for each in own) / 1000:.0f} kB"
        difference = f"{gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"
        if name == next(iter(seeds[0])):
            difference = "–"
        lines.append(f"| {name} | {right.value:.4f} [{right.low:.4f}, {right.high:.4f}] | {difference} | {size} |")
    return lines


def lesson(found: Sequence[Scored]) -> str:
    """What the student gained by its teacher, over the seeds and in each."""
    mean = mean_interval([each.lesson.value for each in found])
    own = "; ".join(f"{x.value:+.4f} [{x.low:+.4f}, {x.high:+.4f}]" for x in (each.lesson for each in found))
    return (
        f"The student with the teacher against that without, paired: {mean.value:+.4f} [{mean.low:+.4f}, "
        f"{mean.high:+.4f}] over the seeds; in each of them, on {found[0].lesson.n:,} test images: {own}."
    )


if __name__ == "__main__":
    main()
