"""What a recovery by training brings after a cut, for each way to train, at the same epochs of the same images.

    python benchmarks/recovery.py --data FOLDER --weights resnet20.th [--seeds 3] [--train 5000] [--publish]

FOLDER holds CIFAR-10 as train.parquet and test.parquet. The ResNet-20 is first fine-tuned for one epoch of 10,000 of
these images: that is the teacher. Then blocks are cut (--cuts), layers are fitted in closed form, and every way trains
the same network on the same batches of the seed, in bfloat16 on one thread. All 10,000 test images score each result;
differences are paired by seed, and their intervals are Student's t over the seeds. Seconds are the processor's, with
the teacher's; their ratio to today's is the geometric mean over the pairs. Runs that were done are kept in --keep.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from publish import publish
from races import mean_interval
from torch import Tensor, nn

from tasks.architectures import resnet20
from tasks.data.augmentation import Crop, Flip, compose
from tasks.kernels.graph import residual_blocks
from tasks.kernels.host.machine import host_name
from tasks.kernels.reconstruction.layerwise import kept_outputs
from tasks.kernels.training import loops
from tasks.techniques.pruning.blocks import Blocks
from tasks.training.distillation import train_with_teacher
from tasks.training.recovery import Recover, recover_network
from tasks.training.train import train
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingData

MEAN, STD = (torch.tensor(each).view(1, 3, 1, 1) for each in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
FIRST = "adamw 0.001"
"""The way that the others are compared with."""
WAYS: dict[str, dict[str, Any]] = {
    FIRST: {"learning_rate": 1e-3},
    "adamw 0.004": {"learning_rate": 4e-3},
    "muon 0.005": {"optimizer": "muon", "learning_rate": 5e-3},
}
"""Settings of `recover`, otherwise its defaults."""
TUNED, VALIDATION = 10_000, 500
"""Images of the fine-tuning, and those after them, which choose the best epoch."""


def main() -> None:
    """Trains what is not kept yet, and prints the table."""
    options = read_options()
    torch.set_num_threads(1)
    options.keep.mkdir(parents=True, exist_ok=True)
    data, test = load(options)
    teacher = fine_tuned(options, data)
    runs: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        for count in options.cuts:
            for way in WAYS:
                path = options.keep / f"{count} {way} {seed} {options.train} {options.epochs}.json"
                if not path.exists():
                    path.write_text(json.dumps(measure(options, count, way, seed, teacher, data, test)))
                runs.append(json.loads(path.read_text()))
                print(runs[-1], flush=True)
    whole = accuracy(teacher, *test)
    lines = [
        *table(runs),
        "",
        f"The teacher has {whole:.2%}. n = {options.seeds} seeds, {options.train:,} train and {len(test[1]):,} test "
        f"images, {options.epochs} epochs; one thread, seconds of the processor. Host: {host_name()}.",
    ]
    print("\n".join(lines))
    if options.publish:
        publish("recovery", lines)


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.parquet and test.parquet")
    parser.add_argument("--weights", type=Path, required=True, help="a trained state dict of resnet20")
    parser.add_argument("--cuts", type=int, nargs="+", default=[1, 4], help="how many of the nine blocks go")
    parser.add_argument("--seeds", type=int, default=3, help="at least 2")
    parser.add_argument("--train", type=int, default=5_000, help="train images of the recovery")
    parser.add_argument("--epochs", type=int, default=3, help="of the recovery")
    parser.add_argument("--keep", type=Path, default=Path(".paredown/recovery"), help="folder of what was done")
    parser.add_argument("--publish", action="store_true", help="put the table into docs/benchmarks.md")
    return parser.parse_args()


def load(options: argparse.Namespace) -> tuple[TrainingData, tuple[Tensor, Tensor]]:
    """The images of the fine-tuning, of which the recovery takes the first, and those of the test."""
    pixels, labels = images(options.data / "train.parquet", TUNED + VALIDATION)
    augment = compose([Crop(padding=4), Flip()])
    parts = (pixels[:TUNED], labels[:TUNED], pixels[TUNED:], labels[TUNED:])
    return TrainingData(*parts, normalize, augment), images(options.data / "test.parquet")


def images(path: Path, count: int | None = None) -> tuple[Tensor, Tensor]:
    """The first images of a file: uint8 (count, 3, 32, 32), and their classes (count,)."""
    import pyarrow.parquet as parquet
    from PIL import Image

    table = parquet.read_table(path, columns=["image", "label"])
    classes = np.unique(table["label"].to_numpy(), return_inverse=True)[1]
    pixels = [np.asarray(Image.open(io.BytesIO(each)).convert("RGB")) for each in table["image"].to_pylist()[:count]]
    layout = np.ascontiguousarray(np.stack(pixels).transpose(0, 3, 1, 2))
    return torch.from_numpy(layout), torch.from_numpy(classes[:count].astype(np.int64))


def normalize(batch: Tensor) -> Tensor:
    """Raw pixels to network inputs."""
    return (batch.float() / 255 - MEAN) / STD


def fine_tuned(options: argparse.Namespace, data: TrainingData) -> nn.Module:
    """The teacher."""
    network, path = resnet20((3, 32, 32), 10), options.keep / "teacher.pt"
    given = torch.load(options.weights, weights_only=True, map_location="cpu")["state_dict"]
    network.load_state_dict({name.removeprefix("module."): tensor for name, tensor in given.items()})
    if path.exists():
        network.load_state_dict(torch.load(path, weights_only=True))
    else:
        spec = TrainSpec(epochs=1, optimizer="sgd", learning_rate=0.01, schedule="one_cycle", precision="bfloat16")
        train(network, data, spec.model_copy(update={"early_stopping": None}))
        torch.save(network.state_dict(), path)
    return network.eval()


def cut(
    options: argparse.Namespace, count: int, teacher: nn.Module, data: TrainingData, test: tuple[Tensor, Tensor]
) -> tuple[nn.Module, float]:
    """The teacher without so many blocks, repaired without training, and its accuracy."""
    path, technique = options.keep / f"{count} blocks fewer.pt", Blocks(remove=count)
    if path.exists():
        kept = torch.load(path, weights_only=True)
        student = residual_blocks.remove(teacher, kept["removed"])
        student.load_state_dict(kept["state"])
        return student, kept["accuracy"]
    batches = [(normalize(data.inputs[at : at + 64]), data.targets[at : at + 64]) for at in range(0, 256, 64)]
    plan = technique.plan(teacher, batches)
    student = technique.apply(teacher, plan)
    repair = Recover(until="reconstruct")
    recover_network(student, teacher, data, repair, kept=kept_outputs(teacher, [technique.kept(plan)]))
    found = accuracy(student, *test)
    torch.save({"removed": plan["removed"], "state": student.state_dict(), "accuracy": found}, path)
    return student, found


def measure(
    options: argparse.Namespace,
    count: int,
    way: str,
    seed: int,
    teacher: nn.Module,
    data: TrainingData,
    test: tuple[Tensor, Tensor],
) -> dict[str, Any]:
    """One recovery by training."""
    student, before = cut(options, count, teacher, data, test)
    part = TrainingData(
        data.inputs[: options.train],
        data.targets[: options.train],
        data.validation_inputs,
        data.validation_targets,
        data.transform,
        data.augment,
    )
    spec = Recover.model_validate({"epochs": options.epochs, "precision": "bfloat16", "seed": seed, **WAYS[way]})
    start = time.process_time()
    train_with_teacher(student, teacher, part, spec)
    seconds = time.process_time() - start
    after = accuracy(student, *test)
    return {"cut": count, "way": way, "seed": seed, "before": before, "after": after, "seconds": seconds}


def accuracy(network: nn.Module, pixels: Tensor, labels: Tensor) -> float:
    """The share of right answers, in bfloat16."""
    with torch.autocast("cpu", torch.bfloat16):
        answers = loops.predict_all(network, pixels, normalize)
    return float((answers.argmax(1) == labels).float().mean())


def table(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A row for each cut and each way."""
    lines = [
        "| blocks fewer | before, % | trained by | after, % | against the first, points, paired | better in | seconds "
        "| of the first's |",
        "|---" * 8 + "|",
    ]
    for count in dict.fromkeys(run["cut"] for run in runs):
        own = [run for run in runs if run["cut"] == count]
        first = {run["seed"]: run for run in own if run["way"] == FIRST}
        for way in WAYS:
            found = [run for run in own if run["way"] == way]
            lines.append(row(count, way, found, first))
    return lines


def row(count: int, way: str, runs: Sequence[Mapping[str, Any]], first: Mapping[int, Mapping[str, Any]]) -> str:
    """The cells of one way after one cut."""
    after = statistics.fmean(run["after"] for run in runs)
    seconds = statistics.median(run["seconds"] for run in runs)
    gain, better, ratio = "–", "–", "–"
    if way != FIRST:
        gains = [100 * (run["after"] - first[run["seed"]]["after"]) for run in runs]
        found = mean_interval(gains)
        gain = f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
        better = f"{sum(each > 0 for each in gains)} of {len(gains)}"
        spent = statistics.geometric_mean(run["seconds"] / first[run["seed"]]["seconds"] for run in runs)
        ratio = f"{spent:.2f}×"
    before = 100 * runs[0]["before"]
    return f"| {count} | {before:.1f} | {way} | {100 * after:.2f} | {gain} | {better} | {seconds:.0f} | {ratio} |"


if __name__ == "__main__":
    main()
