"""Wrong input: for each law a recipe that breaks it, and the one message that the command line answers with.

Every row is a real file that goes through `paredown plan`, which checks all that `optimize` checks.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from flows.cli.app import main
from tasks.architectures import mlp
from tasks.kernels.onnx import sessions

RECIPE: dict[str, Any] = {"name": "good", "data": {"source": "rows.csv", "target": "label"}}
IMAGES: dict[str, Any] = {"data": {"source": "pictures.npz"}}
MODULES = {
    "nets": """
        from math import prod
        from torch import nn
        def linear(input_shape, outputs):
            return nn.Sequential(nn.Flatten(), nn.Linear(prod(input_shape), outputs))
        def deaf(outputs):
            return nn.Linear(7, outputs)
        def wide(input_shape, outputs):
            return linear(input_shape, outputs + 1)
        def unlucky(outputs):
            raise RuntimeError("no network today")
        def number():
            return 3
    """,
    "crashing": "raise RuntimeError('no module today')",
    "leaving": "raise SystemExit(0)",
    "prune": """
        from typing import Literal
        from pydantic import Field
        from tasks.techniques import Technique
        class Mine(Technique):
            version, form, lowers = 1, "torch", ("macs",)
            step: Literal["mine"] = "mine"
            amount: float = Field(default=0.5, gt=0, lt=1)
            def plan(self, model, batches): return {}
            def apply(self, model, plan): return model
        class Stranger: pass
    """,
}


@dataclass(frozen=True)
class Row:
    """What is wrong, and what is said about it."""

    says: str
    recipe: Any = None
    """Sections laid over a good recipe; a text is the whole file."""
    overrides: tuple[str, ...] = ()
    make: Callable[[], object] = lambda: None
    """Puts something into the working directory first."""
    conf: str = "a.yaml"


def steps(*found: Any) -> dict[str, Any]:
    """A recipe with one branch."""
    return {"compress": {"branches": [{"name": "int8", "steps": [{"step": "int8"}]}, {"name": "b", "steps": found}]}}


def space(path: str, domain: Any, **search: Any) -> dict[str, Any]:
    """A recipe with a search over one path."""
    return {"search": {"space": {path: domain}, **search}}


OPTIMIZER = ("train.optimizer", {"choice": ["sgd", "adam"]})


def two(*paths: tuple[str, Any], **search: Any) -> dict[str, Any]:
    """A recipe with a search over several paths."""
    return {"search": {"space": dict(paths), **search}}


def population(
    path: str = "train.learning_rate", domain: Any = None, train: Any = None, search: Any = None
) -> dict[str, Any]:
    """A recipe with a population, good but for what is given."""
    constant = {"epochs": 10, "schedule": "constant", "early_stopping": None}
    space = {path: domain or {"uniform": [0.1, 0.9]}}
    return {"train": constant | (train or {}), "search": {"algorithm": "pbt", "space": space} | (search or {})}


def model(**spec: Any) -> dict[str, Any]:
    """A recipe with a model."""
    return {"model": spec}


def saved(change: Callable[[dict[str, Any]], Any]) -> Callable[[], None]:
    """Writes trained.pt: a changed state dict of the default network of rows.csv."""
    return lambda: torch.save(change(dict(mlp(input_shape=[2], outputs=2).state_dict())), "trained.pt")


class Code:
    """Pickles as a call that leaves a file behind."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


def table(*lines: str) -> Callable[[], object]:
    """Writes rows.csv anew."""
    return lambda: Path("rows.csv").write_text("\n".join(("a,b,label", *lines)) + "\n")


def photos(*broken: str) -> None:
    """A folder of two classes with six images each, and broken ones."""
    for label in ("ant", "bee"):
        Path("photos", label).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(f"photos/{label}/{number}.png")
    for name in broken:
        Path("photos", name).write_bytes(b"\x89PNG broken")


def with_nan() -> None:
    inputs = np.zeros((40, 2))
    inputs[3, 1] = np.nan
    np.savez("features.npz", x=inputs, y=np.arange(40) % 2)


ROWS = {
    # the file
    "recipe file missing": Row("b.yaml: does not exist; nearest valid choice: a.yaml", conf="b.yaml"),
    "recipe file missing, one of that name beside it": Row(
        "aa.yaml: does not exist; nearest valid choice: a.yaml", conf="aa.yaml"
    ),
    "recipe file missing, and so is its folder": Row("confs/b.yaml: does not exist", conf="confs/b.yaml"),
    "recipe is a folder": Row("photos: cannot be read (Is a directory)", conf="photos", make=photos),
    "recipe empty": Row("a.yaml: must be a mapping of keys to values, but is empty", recipe=""),
    "recipe not a mapping": Row("a.yaml: must be a mapping of keys to values, but is a list", recipe="- name: a\n"),
    "recipe not text": Row("pictures.npz: must be a text file in UTF-8", conf="pictures.npz"),
    "YAML syntax": Row(
        "a.yaml: line 3: is not valid YAML (expected ',' or '}', but got ':')",
        recipe="name: a\ndata: {source: rows.csv\ngoal: {metric: f1}\n",
    ),
    "YAML key twice": Row(
        "a.yaml: line 4: is not valid YAML (the key 'goal' stands twice)",
        recipe="name: a\ngoal: {metric: f1}\ndata: {source: rows.csv}\ngoal: {max_drop: 0.1}\n",
    ),
    "YAML tab": Row(
        "a.yaml: line 3: is not valid YAML (found character '\\t' that cannot start any token)",
        recipe="name: a\ndata:\n\tsource: rows.csv\n",
    ),
    # keys
    "key unknown at the top": Row(
        "a.yaml: modle: is not a known key; nearest valid choice: model", recipe={"modle": {"factory": "nets:linear"}}
    ),
    "key unknown, nothing like it": Row(
        "a.yaml: goal.zzz: is not a known key; nearest valid choice: metric, max_drop, minimize, limits, proof",
        recipe={"goal": {"zzz": 1}},
    ),
    "key unknown in a section": Row(
        "a.yaml: train.epoch: is not a known key; nearest valid choice: epochs", recipe={"train": {"epoch": 3}}
    ),
    "key unknown two levels down": Row(
        "a.yaml: data.split.sed: is not a known key; nearest valid choice: seed",
        recipe={"data": {**RECIPE["data"], "split": {"sed": 1}}},
    ),
    "key unknown in goal": Row(
        "a.yaml: goal.metrc: is not a known key; nearest valid choice: metric", recipe={"goal": {"metrc": "f1"}}
    ),
    "key unknown in limits": Row(
        "a.yaml: goal.limits.byte: is not a known key; nearest valid choice: bytes",
        recipe={"goal": {"limits": {"byte": 9}}},
    ),
    "key unknown in a step": Row(
        "a.yaml: compress.branches.1.steps.0.sparcity: is not a known key; nearest valid choice: sparsity",
        recipe=steps({"step": "channels", "sparcity": 0.5}),
    ),
    "key unknown in recover": Row(
        "a.yaml: compress.branches.1.steps.0.epoch: is not a known key; nearest valid choice: epochs",
        recipe=steps({"step": "recover", "epoch": 1}),
    ),
    "key unknown in a domain": Row(
        "a.yaml: search.space.train.learning_rate: must be a mapping with one of the keys choice, "
        "uniform, loguniform, integers, quantized, but got {'logunifrm': [0.1, 1]}; nearest valid choice: loguniform",
        recipe=space("train.learning_rate", {"logunifrm": [0.1, 1]}),
    ),
    "key of two domains": Row(
        "a.yaml: search.space.train.learning_rate.uniform: is not a known key; nearest valid choice: when, choice",
        recipe=space("train.learning_rate", {"uniform": [0.1, 1], "choice": [1]}),
    ),
    "key missing": Row("a.yaml: data.source: is required", recipe={"data": {"target": "label"}}),
    "key that is a number": Row("a.yaml: 3: is a key, and must be text, but got 3", recipe={3: "a"}),
    # values
    "text for a whole number": Row(
        "a.yaml: train.epochs: must be a whole number, but got 'many'", recipe={"train": {"epochs": "many"}}
    ),
    "fraction for a whole number": Row(
        "a.yaml: train.epochs: must be a whole number, but got 1.5; nearest valid choice: 2",
        recipe={"train": {"epochs": 1.5}},
    ),
    "text for a number": Row(
        "a.yaml: goal.max_drop: must be a number, but got 'little'", recipe={"goal": {"max_drop": "little"}}
    ),
    "number that may be absent": Row(
        "a.yaml: train.minutes: must be a number, but got 'ten'", recipe={"train": {"minutes": "ten"}}
    ),
    "number for text": Row(
        "a.yaml: name: must be text, but got 2024; nearest valid choice: '2024'", recipe={"name": 2024}
    ),
    "text for true or false": Row(
        "a.yaml: compress.branches.1.steps.0.per_channel: must be true or false, but got 'maybe'",
        recipe=steps({"step": "int8", "per_channel": "maybe"}),
    ),
    "text for a list": Row(
        "a.yaml: data.drop: must be a list, but got 'a'; nearest valid choice: [a]",
        recipe={"data": {**RECIPE["data"], "drop": "a"}},
    ),
    "mapping for a list": Row(
        "a.yaml: compress.branches: must be a list, but got {'a': []}", recipe={"compress": {"branches": {"a": []}}}
    ),
    "number for a section": Row("a.yaml: train: must be a mapping of keys to values, but got 3", recipe={"train": 3}),
    "section left empty": Row(
        "a.yaml: train: must be a mapping of keys to values, but is empty", recipe={"train": None}
    ),
    "list without an entry": Row(
        "a.yaml: compress.branches.1.steps: needs more entries: at least 1, but got []", recipe=steps()
    ),
    "too small": Row(
        "a.yaml: train.epochs: must be at least 1, but got 0; nearest valid choice: 1", recipe={"train": {"epochs": 0}}
    ),
    "too large": Row(
        "a.yaml: runtime.threads: must be at most 256, but got 1000; nearest valid choice: 256",
        recipe={"runtime": {"threads": 1000}},
    ),
    "at an end that is excluded": Row(
        "a.yaml: compress.branches.1.steps.0.sparsity: must be below 1, but got 1; nearest valid choice: 0.99",
        recipe=steps({"step": "channels", "sparsity": 1}),
    ),
    "whole number at an end that is excluded": Row(
        "a.yaml: goal.limits.bytes: must be above 0, but got 0; nearest valid choice: 1",
        recipe={"goal": {"limits": {"bytes": 0}}},
    ),
    "infinite": Row(
        "a.yaml: train.learning_rate: must be a finite number, but got inf",
        recipe={"train": {"learning_rate": float("inf")}},
    ),
    "name with bad characters": Row(
        "a.yaml: name: must begin with a letter or a digit, and go on with letters, digits or _ . -, but "
        "got 'my model/2'; nearest valid choice: my-model-2",
        recipe={"name": "my model/2"},
    ),
    "name too long": Row(
        "a.yaml: name: must have at most 80 characters, but got "
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...; nearest valid "
        "choice: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        recipe={"name": "a" * 90},
    ),
    "metric unknown": Row(
        "a.yaml: goal.metric: must be one of accuracy, f1, log_loss, roc_auc, mae, rmse, but got "
        "'acuracy'; nearest valid choice: accuracy",
        recipe={"goal": {"metric": "acuracy"}},
    ),
    "optimizer unknown": Row(
        "a.yaml: train.optimizer: must be one of sgd, adam, adamw, adagrad, rmsprop, but got 'adan'; "
        "nearest valid choice: adam",
        recipe={"train": {"optimizer": "adan"}},
    ),
    "optimizer of recover unknown": Row(
        "a.yaml: compress.branches.1.steps.0.optimizer: must be one of sgd, adam, adamw, adagrad, "
        "rmsprop, but got 'sdg'; nearest valid choice: sgd",
        recipe=steps({"step": "recover", "optimizer": "sdg"}),
    ),
    "step unknown": Row(
        "a.yaml: compress.branches.1.steps.0.step: must be one of channels, blocks, low_rank, weights, "
        "quantize_aware, clean, int8, fp16, weight_only, pack, gradual, recover, distill, or your own as module:Class, "
        "but got 'chanels'; nearest valid choice: channels",
        recipe=steps({"step": "chanels"}),
    ),
    "step unknown in preprocess": Row(
        "a.yaml: preprocess.0.step: must be one of normalize, impute, scale, one_hot, but got 'onehot'; "
        "nearest valid choice: one_hot",
        recipe={"preprocess": [{"step": "onehot"}]},
    ),
    "step that is text": Row(
        "a.yaml: compress.branches.1.steps.0: must be a mapping with a step, but got 'int8'; nearest "
        "valid choice: {step: int8}",
        recipe=steps("int8"),
    ),
    "step without a tag": Row(
        "a.yaml: augment.0.step: is required: crop, flip, rotate, noise, cutout", recipe={"augment": [{"padding": 1}]}
    ),
    # overrides
    "override without =": Row(
        "command line: must have the form key=value, with a dotted path into the recipe as key, but got 'train.epochs'",
        overrides=("train.epochs",),
    ),
    "override with an unknown key": Row(
        "a.yaml: train.epoch: is not a known key; nearest valid choice: epochs", overrides=("train.epoch=3",)
    ),
    "override with a wrong value": Row(
        "a.yaml: train.epochs: must be at least 1, but got 0; nearest valid choice: 1", overrides=("train.epochs=0",)
    ),
    "override with a value that is not YAML": Row(
        "command line: must have a value in YAML after =, but got 'train={epochs: 3'", overrides=("train={epochs: 3",)
    ),
    "override through a value": Row(
        "a.yaml: name.first: goes through a value that holds no others, but got 'good'", overrides=("name.first=a",)
    ),
    "override past the end of a list": Row(
        "a.yaml: compress.branches.2.name: goes through a list with the places 0 to 1, but got '2'; "
        "nearest valid choice: 1",
        recipe=steps({"step": "int8"}),
        overrides=("compress.branches.2.name=x",),
    ),
    "override with text for a place": Row(
        "a.yaml: compress.branches.b.name: goes through a list with the places 0 to 1, but got 'b'; "
        "nearest valid choice: 1",
        recipe=steps({"step": "int8"}),
        overrides=("compress.branches.b.name=x",),
    ),
    # the user's own model
    "factory: no such module": Row(
        "a.yaml: model.factory: must name a module that can be imported, from the current folder or "
        "installed, but got 'netz:linear'; nearest valid choice: nets:linear",
        recipe=model(factory="netz:linear"),
    ),
    "factory: no such module in a package": Row(
        "a.yaml: model.factory: must name a module that can be imported, from the current folder or "
        "installed, but got 'tasks.architecture:mlp'; nearest valid choice: tasks.architectures:mlp",
        recipe=model(factory="tasks.architecture:mlp"),
    ),
    "factory: no such name": Row(
        "a.yaml: model.factory: must name a function of the module nets, but got 'liner'; nearest valid "
        "choice: nets:linear",
        recipe=model(factory="nets:liner"),
    ),
    "factory: not module:name": Row(
        "a.yaml: model.factory: must have the form module:name, but got 'nets.linear'",
        recipe=model(factory="nets.linear"),
    ),
    "factory: takes no such argument": Row(
        "a.yaml: model.arguments.widht: is not an argument of tasks.architectures:mlp; nearest valid choice: width",
        recipe=model(arguments={"widht": 8}),
    ),
    "factory: raises": Row(
        "a.yaml: model.factory: nets:unlucky fails with the arguments {'outputs': 2} (RuntimeError: no network today)",
        recipe=model(factory="nets:unlucky"),
    ),
    "factory: gives no network": Row(
        "a.yaml: model.factory: nets:number must give a torch.nn.Module, but got 'int'",
        recipe=model(factory="nets:number"),
    ),
    "factory: another input shape": Row(
        "a.yaml: model.factory: does not accept examples of shape (2,) (mat1 and mat2 shapes cannot be "
        "multiplied (2x2 and 7x2))",
        recipe=model(factory="nets:deaf"),
    ),
    "factory: another output shape": Row(
        "a.yaml: model.factory: must answer two examples with outputs of shape (2, 2), but got (2, 3)",
        recipe=model(factory="nets:wide"),
    ),
    "factory: module that crashes": Row(
        "a.yaml: model.factory: names the module crashing, which fails on import (RuntimeError: no module"
        " today), but got 'crashing:net'",
        recipe=model(factory="crashing:net"),
    ),
    "factory: module that exits": Row(
        "a.yaml: model.factory: names the module leaving, which fails on import (SystemExit: 0), but got 'leaving:net'",
        recipe=model(factory="leaving:net"),
    ),
    "plug-in: no such module": Row(
        "a.yaml: compress.branches.1.steps.0.step: must name a module that can be imported, from the "
        "current folder or installed, but got 'prun:Mine'; nearest valid choice: prune:Mine",
        recipe=steps({"step": "prun:Mine"}),
    ),
    "plug-in: no such class": Row(
        "a.yaml: compress.branches.1.steps.0.step: must name a class of the module prune, but got 'Mina';"
        " nearest valid choice: prune:Mine",
        recipe=steps({"step": "prune:Mina"}),
    ),
    "plug-in: no technique": Row(
        "a.yaml: compress.branches.1.steps.0.step: must name a subclass of tasks.techniques.Technique, "
        "but got 'prune:Stranger'",
        recipe=steps({"step": "prune:Stranger"}),
    ),
    "plug-in: knob unknown": Row(
        "a.yaml: compress.branches.1.steps.0.amuont: is not a known key; nearest valid choice: amount",
        recipe=steps({"step": "prune:Mine", "amuont": 0.5}),
    ),
    "plug-in: knob out of range": Row(
        "a.yaml: compress.branches.1.steps.0.amount: must be below 1, but got 2; nearest valid choice: 0.5",
        recipe=steps({"step": "prune:Mine", "amount": 2}),
    ),
    "weights: no such file": Row(
        "a.yaml: model.weights: names a file that does not exist, but got 'traind.pt'; nearest valid "
        "choice: trained.pt",
        recipe=model(weights="traind.pt"),
        make=saved(dict),
    ),
    "weights: tensor missing": Row(
        "a.yaml: model.weights: trained.pt: has no tensor '0.weight' of the model",
        recipe=model(weights="trained.pt"),
        make=saved(lambda state: dict(list(state.items())[1:])),
    ),
    "weights: tensor renamed": Row(
        "a.yaml: model.weights: trained.pt: has no tensor '0.weight' of the model; nearest valid choice: net.0.weight",
        recipe=model(weights="trained.pt"),
        make=saved(lambda state: {f"net.{name}": value for name, value in state.items()}),
    ),
    "weights: wrong shape": Row(
        "a.yaml: model.weights: trained.pt: tensor '0.weight' must have shape (16, 2), but got (64, 2)",
        recipe=model(weights="trained.pt", arguments={"width": 16}),
        make=saved(dict),
    ),
    "weights: tensor left over": Row(
        "a.yaml: model.weights: trained.pt: has a tensor 'extra' that the model lacks",
        recipe=model(weights="trained.pt"),
        make=saved(lambda state: {**state, "extra": torch.zeros(1)}),
    ),
    "weights: pickle with code": Row(
        "a.yaml: model.weights: trained.pt: must hold tensors only, but it is a pickle with code (or no "
        "torch file), which is never executed",
        recipe=model(weights="trained.pt"),
        make=saved(lambda state: {**state, "code": Code()}),
    ),
    "weights: no torch file": Row(
        "a.yaml: model.weights: rows.csv: is not a readable torch file (pop from empty list)",
        recipe=model(weights="rows.csv"),
    ),
    "weights: no state dict": Row(
        "a.yaml: model.weights: trained.pt: must hold a state dict (names to tensors)",
        recipe=model(weights="trained.pt"),
        make=saved(list),
    ),
    # the data
    "data: no such file": Row(
        "a.yaml: data.source: must be a file or folder that exists, but got 'row.csv'; nearest valid choice: rows.csv",
        recipe={"data": {"source": "row.csv", "target": "label"}},
    ),
    "data: no such kind of file": Row(
        "a.yaml: data.source: must be a folder, an import path, sklearn:NAME, or a file that ends with "
        ".csv, .csv.gz, .data, .test, .parquet, .npz, but got 'nets.py'; nearest valid choice: .npz",
        recipe={"data": {"source": "nets.py"}},
    ),
    "data: target column absent": Row(
        "a.yaml: data.target: must name a column of rows.csv, but got 'lable'; nearest valid choice: label",
        recipe={"data": {"source": "rows.csv", "target": "lable"}},
    ),
    "data: no target": Row(
        "a.yaml: data.target: must name the target column of rows.csv; its columns are a, b, label",
        recipe={"data": {"source": "rows.csv"}},
    ),
    "data: one class": Row(
        "a.yaml: data.source: targets of rows.csv must differ, but all are 'yes'",
        make=table("1,2,yes", "2,3,yes", "4,5,yes"),
    ),
    "data: too few of a class": Row(
        "a.yaml: data.source: class 'no' of rows.csv must have at least 3 examples (train, validation, "
        "test); for numbers to be predicted as numbers, set data.task to regression, but got 2",
        make=table("1,2,yes", "2,3,no", "4,5,yes", "1,9,yes", "8,8,no"),
    ),
    "data: empty folder": Row(
        "a.yaml: data.source: empty must hold one sub-folder of images for each class",
        recipe={"data": {"source": "empty"}},
        make=Path("empty").mkdir,
    ),
    "data: image that cannot be decoded": Row(
        "a.yaml: data.source: images must decode in photos, but 1 of 13 do not, the first is "
        "photos/bee/7.png (data.on_bad: skip leaves them out)",
        recipe={"data": {"source": "photos"}},
        make=lambda: photos("bee/7.png"),
    ),
    "data: NaN in features": Row(
        "a.yaml: data.source: inputs must be finite in float32 in features.npz, but 1 of 40 rows break "
        "this, the first is row 3, counted from 0 (data.on_bad: skip leaves them out)",
        recipe={"data": {"source": "features.npz"}},
        make=with_nan,
    ),
    # what does not go together
    "metric for regression": Row(
        "a.yaml: goal.metric: must be one of accuracy, f1, log_loss, roc_auc for classification, but got "
        "'rmse'; nearest valid choice: accuracy",
        recipe={"goal": {"metric": "rmse"}},
    ),
    "augment on a table": Row(
        "a.yaml: augment.0.step: suits images only, but got 'flip'", recipe={"augment": [{"step": "flip"}]}
    ),
    "preprocess step for images": Row(
        "a.yaml: preprocess.0.step: does not suit tables, but got 'normalize'; nearest valid choice: "
        "impute, scale, one_hot",
        recipe={"preprocess": [{"step": "normalize"}]},
    ),
    "preprocess step twice": Row(
        "a.yaml: preprocess.1.step: must not stand twice, but got 'scale'",
        recipe={"preprocess": [{"step": "scale"}, {"step": "scale"}]},
    ),
    "mean for another number of channels": Row(
        "a.yaml: preprocess.0.mean: must hold one number for each of 3 channels, but got [0.5]",
        recipe={**IMAGES, "preprocess": [{"step": "normalize", "mean": [0.5], "std": [0.5]}]},
    ),
    "layer to ignore unknown": Row(
        "a.yaml: compress.branches.1.steps.0.ignore: names no layer of the model, but got 'block.0'; "
        "nearest valid choice: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        recipe={**IMAGES, **steps({"step": "channels", "ignore": ["block.0"]})},
    ),
    "branches of one name": Row(
        "a.yaml: compress.branches.1.name: must differ from other branches, from baseline and from "
        "dense control, but got 'a'",
        recipe={"compress": {"branches": [{"name": "a", "steps": [{"step": "int8"}]}] * 2}},
    ),
    "branch called baseline": Row(
        "a.yaml: compress.branches.0.name: must differ from other branches, from baseline and from "
        "dense control, but got 'baseline'",
        recipe={"compress": {"branches": [{"name": "baseline", "steps": [{"step": "int8"}]}]}},
    ),
    "provider that is not installed": Row(
        "a.yaml: runtime.provider: must be an execution provider of the installed ONNX Runtime, but got "
        "'cuda'; nearest valid choice: cpu",
        recipe={"runtime": {"provider": "cuda"}},
    ),
    # search
    "search: path outside": Row(
        "a.yaml: search.space.goal.max_drop: must begin with one of train., model.arguments., augment.",
        recipe=space("goal.max_drop", {"uniform": [0.1, 0.2]}),
    ),
    "search: path mistyped": Row(
        "a.yaml: search.space.trian.epochs: must begin with one of train., model.arguments., augment.; "
        "nearest valid choice: train.epochs",
        recipe=space("trian.epochs", {"choice": [1, 2]}),
    ),
    "search: path unknown": Row(
        "a.yaml: search.space.train.learningrate: is not a known key; nearest valid choice: learning_rate",
        recipe=space("train.learningrate", {"loguniform": [0.1, 1]}),
    ),
    "search: path through an absent step": Row(
        "a.yaml: search.space.augment.0.padding: goes through a list that is empty, but got '0'",
        recipe=space("augment.0.padding", {"choice": [1, 2]}),
    ),
    "search: argument unknown": Row(
        "a.yaml: search.space.model.arguments.widht: is not an argument of tasks.architectures:mlp; "
        "nearest valid choice: width",
        recipe=space("model.arguments.widht", {"choice": [8, 16]}),
    ),
    "search: argument that no network has": Row(
        "a.yaml: search.space: tasks.architectures:mlp fails with the arguments {'input_shape': [2], "
        "'outputs': 2, 'width': 'wide'} (ValueError: width must be a whole number of at least 1, but got 'wide')",
        recipe=space("model.arguments.width", {"choice": [8, "wide"]}),
    ),
    "search: kernel that is even": Row(
        "a.yaml: search.space: tasks.architectures:convnet fails with the arguments {'input_shape': [3, 8, 8], "
        "'outputs': 4, 'kernel': 4} (ValueError: kernel must be odd (1, 3, 5, …), but got 4)",
        recipe={**IMAGES, **space("model.arguments.kernel", {"choice": [3, 4]})},
    ),
    "condition: network impossible under it": Row(
        "a.yaml: search.space: tasks.architectures:convnet fails with the arguments {'input_shape': [3, 8, 8], "
        "'outputs': 4, 'block': 'separable', 'depth': 5} (ValueError: depth must be at most 4 for images of 8 pixels "
        "a side, but got 5)",
        recipe={
            **IMAGES,
            **two(
                ("model.arguments.block", {"choice": ["residual", "separable"]}),
                ("model.arguments.depth", {"integers": [1, 5], "when": {"model.arguments.block": "separable"}}),
            ),
        },
    ),
    "search: value out of range": Row(
        "a.yaml: search.space.train.epochs: must be at least 1, but got 0; nearest valid choice: 1",
        recipe=space("train.epochs", {"integers": [0, 9]}),
    ),
    "search: choice that is none": Row(
        "a.yaml: search.space.train.optimizer: must be one of sgd, adam, adamw, adagrad, rmsprop, but got"
        " 'adan'; nearest valid choice: adam",
        recipe=space("train.optimizer", {"choice": ["sgd", "adan"]}),
    ),
    "search: fractions for a whole number": Row(
        "a.yaml: search.space.train.epochs: takes whole numbers, but got {'uniform': [1.0, 9.0]}; nearest"
        " valid choice: {'integers': [1, 9]}",
        recipe=space("train.epochs", {"uniform": [1, 9]}),
    ),
    "search: domain that is a number": Row(
        "a.yaml: search.space.train.epochs: must be a mapping with one of the keys choice, uniform, "
        "loguniform, integers, quantized, but got 3",
        recipe=space("train.epochs", 3),
    ),
    "search: range of one number": Row(
        "a.yaml: search.space.train.learning_rate.uniform.1: is required",
        recipe=space("train.learning_rate", {"uniform": [0.1]}),
    ),
    "search: range upside down": Row(
        "a.yaml: search.space.train.learning_rate: the first number must be below the second, but got [1.0, 0.1]",
        recipe=space("train.learning_rate", {"uniform": [1, 0.1]}),
    ),
    "search: logarithm of nothing": Row(
        "a.yaml: search.space.train.learning_rate.loguniform.0: must be above 0, but got 0; nearest valid choice: 0.01",
        recipe=space("train.learning_rate", {"loguniform": [0, 1]}),
    ),
    "search: range of text": Row(
        "a.yaml: search.space.train.learning_rate.uniform.0: must be a number, but got 'low'",
        recipe=space("train.learning_rate", {"uniform": ["low", 1]}),
    ),
    "search: no choice": Row(
        "a.yaml: search.space.train.epochs.choice: needs more entries: at least 1, but got []",
        recipe=space("train.epochs", {"choice": []}),
    ),
    "search: grid over a range": Row(
        "a.yaml: search.space.train.learning_rate: must be a choice, integers or quantized, since the algorithm is "
        "grid, but got {'uniform': [0.1, 1.0]}; nearest valid choice: {'choice': [0.1, 1.0]}",
        recipe=space("train.learning_rate", {"uniform": [0.1, 1]}, algorithm="grid"),
    ),
    "search: grid without end": Row(
        "a.yaml: search.space: must have at most 100,000 points for a grid",
        recipe=space("train.seed", {"integers": [0, 10**9]}, algorithm="grid"),
    ),
    "search: steps that do not reach the end": Row(
        "a.yaml: search.space.train.batch_size.quantized: must come from its first number to its second in whole "
        "steps of its third, but got [16, 100, 16]; nearest valid choice: [16, 96, 16]",
        recipe=space("train.batch_size", {"quantized": [16, 100, 16]}),
    ),
    "search: fractions in steps for a whole number": Row(
        "a.yaml: search.space.train.batch_size: must be a whole number, but got 16.5; nearest valid choice: 16",
        recipe=space("train.batch_size", {"quantized": [16, 17, 0.5]}),
    ),
    "search: path of the compression": Row(
        "a.yaml: search.space.compress.branches.0.steps.0.sparsity: belongs into compress.search.space, as "
        "<branch>.<step index>.<knob>",
        recipe=space("compress.branches.0.steps.0.sparsity", {"uniform": [0.1, 0.9]}),
    ),
    "search: path inside another": Row(
        "a.yaml: search.space.train.early_stopping.patience: lies in train.early_stopping, which is searched as well: "
        "it needs a condition on it; nearest valid choice: when: {train.early_stopping: …}",
        recipe=two(
            ("train.early_stopping", {"choice": [None, {"min_delta": 0.1}]}),
            ("train.early_stopping.patience", {"integers": [1, 9]}),
        ),
    ),
    "search: recipe broken elsewhere by a choice": Row(
        "a.yaml: search.space: gives a recipe whose augment.0.padding is not a known key, but got "
        "{'augment.0.step': 'flip'}; nearest valid choice: step, probability",
        recipe={"augment": [{"step": "crop", "padding": 2}], **space("augment.0.step", {"choice": ["crop", "flip"]})},
    ),
    "condition: key mistyped": Row(
        "a.yaml: search.space.train.momentum.wen: is not a known key; nearest valid choice: when",
        recipe=two(OPTIMIZER, ("train.momentum", {"uniform": [0, 0.9], "wen": {"train.optimizer": "sgd"}})),
    ),
    "condition: wrong range under it": Row(
        "a.yaml: search.space.train.momentum.uniform.0: must be a number, but got 'low'",
        recipe=two(OPTIMIZER, ("train.momentum", {"uniform": ["low", 1], "when": {"train.optimizer": "sgd"}})),
    ),
    "condition: path unknown": Row(
        "a.yaml: search.space.train.momentum.when.train.optimiser: is not a path of the space; "
        "nearest valid choice: train.optimizer",
        recipe=two(OPTIMIZER, ("train.momentum", {"uniform": [0, 0.9], "when": {"train.optimiser": "sgd"}})),
    ),
    "condition: value that cannot be": Row(
        "a.yaml: search.space.train.momentum.when.train.optimizer: must be a value of train.optimizer: choice "
        "['sgd', 'adam'], but got 'sdg'; nearest valid choice: sgd",
        recipe=two(OPTIMIZER, ("train.momentum", {"uniform": [0, 0.9], "when": {"train.optimizer": ["adam", "sdg"]}})),
    ),
    "condition: number that cannot be": Row(
        "a.yaml: search.space.train.momentum.when.train.epochs: must be a value of train.epochs: integers "
        "[1, 5], but got 7; nearest valid choice: 5",
        recipe=two(
            ("train.epochs", {"integers": [1, 5]}),
            ("train.momentum", {"uniform": [0, 0.9], "when": {"train.epochs": 7}}),
        ),
    ),
    "condition: no value": Row(
        "a.yaml: search.space.train.momentum.when.train.optimizer: needs a value, but got []; "
        "nearest valid choice: sgd",
        recipe=two(OPTIMIZER, ("train.momentum", {"uniform": [0, 0.9], "when": {"train.optimizer": []}})),
    ),
    "condition: on a range": Row(
        "a.yaml: search.space.train.momentum.when.train.learning_rate: must be the path of a choice, integers or "
        "quantized, whose values can be named, but got 'uniform [0.1, 1]'",
        recipe=two(
            ("train.learning_rate", {"uniform": [0.1, 1]}),
            ("train.momentum", {"uniform": [0, 0.9], "when": {"train.learning_rate": 0.5}}),
        ),
    ),
    "condition: circle": Row(
        "a.yaml: search.space: has conditions in a circle: train.epochs → train.optimizer → train.epochs",
        recipe=two(
            ("train.optimizer", {"choice": ["sgd", "adam"], "when": {"train.epochs": 3}}),
            ("train.epochs", {"integers": [1, 5], "when": {"train.optimizer": "sgd"}}),
        ),
    ),
    "condition: never met": Row(
        "a.yaml: search.space.train.momentum.when: never applies, because its conditions exclude one another, but got "
        "{'train.epochs': 3, 'train.optimizer': 'sgd'}",
        recipe=two(
            OPTIMIZER,
            ("train.epochs", {"integers": [1, 5], "when": {"train.optimizer": "adam"}}),
            ("train.momentum", {"uniform": [0, 0.9], "when": {"train.optimizer": "sgd", "train.epochs": 3}}),
        ),
    ),
    "condition: value wrong under it alone": Row(
        "a.yaml: search.space.train.momentum: must be below 1, but got 1.5; nearest valid choice: 0.9",
        recipe=two(OPTIMIZER, ("train.momentum", {"choice": [0.5, 1.5], "when": {"train.optimizer": "sgd"}})),
    ),
    "cmaes: choice": Row(
        "a.yaml: search.space.train.optimizer: must be a range of numbers, since the algorithm is cmaes (tpe and "
        "nsga2 take choices, too), but got {'choice': ['sgd', 'adam']}",
        recipe=two(OPTIMIZER, algorithm="cmaes"),
    ),
    "cmaes: condition": Row(
        "a.yaml: search.space.train.momentum.when: must be left out, since the algorithm is cmaes (tpe and nsga2 take "
        "conditions), but got {'train.epochs': 2}",
        recipe=two(
            ("train.epochs", {"integers": [1, 5]}),
            ("train.momentum", {"uniform": [0, 0.9], "when": {"train.epochs": 2}}),
            algorithm="cmaes",
        ),
    ),
    "cmaes: two objectives": Row(
        "a.yaml: search.algorithm: takes one objective only, and minimize is a second one, but got 'cmaes'; "
        "nearest valid choice: tpe or nsga2",
        recipe=two(("train.learning_rate", {"uniform": [0.1, 0.2]}), algorithm="cmaes", minimize="latency"),
    ),
    "resources: a GPU and a half": Row(
        "a.yaml: search.resources.gpus: must be a fraction below 1 or a whole number, but got 1.5; "
        "nearest valid choice: 2",
        recipe=two(OPTIMIZER, resources={"gpus": 1.5}),
    ),
    "resources: no processor": Row(
        "a.yaml: search.resources.cpus: must be above 0, but got 0; nearest valid choice: 1",
        recipe=two(OPTIMIZER, resources={"cpus": 0}),
    ),
    "changes: before the second epoch": Row(
        "a.yaml: train.changes.1: must be an epoch from 2 to train.epochs, which is 30; nearest valid choice: 2",
        recipe={"train": {"changes": {1: {"learning_rate": 0.1}}}},
    ),
    "changes: after the last epoch": Row(
        "a.yaml: train.changes.9: must be an epoch from 2 to train.epochs, which is 4; nearest valid choice: 4",
        recipe={"train": {"epochs": 4, "changes": {3: {"weight_decay": 0}, 9: {"learning_rate": 0.1}}}},
    ),
    "changes: no epoch": Row(
        "a.yaml: train.changes.late: must be a whole number, but got 'late'",
        recipe={"train": {"changes": {"late": {"learning_rate": 0.1}}}},
    ),
    "changes: nothing changes": Row(
        "a.yaml: train.changes.3: needs at least one of learning_rate, weight_decay, momentum",
        recipe={"train": {"changes": {3: {}}}},
    ),
    "changes: name mistyped": Row(
        "a.yaml: train.changes.3.learning_rat: is not a known key; nearest valid choice: learning_rate",
        recipe={"train": {"changes": {3: {"learning_rat": 0.1}}}},
    ),
    "changes: value that cannot be": Row(
        "a.yaml: train.changes.3.momentum: must be below 1, but got 1; nearest valid choice: 0.99",
        recipe={"train": {"optimizer": "sgd", "changes": {3: {"momentum": 1}}}},
    ),
    "changes: momentum of adam": Row(
        "a.yaml: train.changes.3.momentum: is sgd's alone, and train.optimizer is adam, but got 0.5",
        recipe={"train": {"optimizer": "adam", "changes": {3: {"momentum": 0.5}}}},
    ),
    "pbt: path that is fixed when training begins": Row(
        "a.yaml: search.space.train.learning_rates: pbt changes values while a network trains: only "
        "train.learning_rate, train.weight_decay, train.momentum (tpe searches the others); "
        "nearest valid choice: train.learning_rate",
        recipe=population(path="train.learning_rates"),
    ),
    "pbt: another scheduler": Row(
        "a.yaml: search.scheduler: must be none, since the algorithm is pbt, which has others go on in the place of "
        "those behind, but got 'median'; nearest valid choice: none",
        recipe=population(search={"scheduler": "median"}),
    ),
    "pbt: minimize": Row(
        "a.yaml: search.minimize: must be left out, since the algorithm is pbt: what it changes makes no file smaller "
        "or faster, but got 'bytes'",
        recipe=population(search={"minimize": "bytes"}),
    ),
    "pbt: schedule": Row(
        "a.yaml: train.schedule: must be constant, since search.algorithm is pbt, which finds the schedule itself, "
        "but got 'cosine'; nearest valid choice: constant",
        recipe=population(train={"schedule": "cosine"}),
    ),
    "pbt: early stopping": Row(
        "a.yaml: train.early_stopping: must be null, since search.algorithm is pbt: a network that stands still may go "
        "on with other values; nearest valid choice: null",
        recipe=population(train={"early_stopping": {}}),
    ),
    "pbt: minutes of training": Row(
        "a.yaml: train.minutes: must be left out, since search.algorithm is pbt: its stages are counted in epochs, but "
        "got 2.0",
        recipe=population(train={"minutes": 2}),
    ),
    "pbt: changes": Row(
        "a.yaml: train.changes: must be left out, since search.algorithm is pbt, which finds the changes itself",
        recipe=population(train={"changes": {3: {"learning_rate": 0.1}}}),
    ),
    "pbt: more generations than epochs": Row(
        "a.yaml: search.generations: must be at most the epochs of a training, which are 3, but got 5; "
        "nearest valid choice: 3",
        recipe=population(search={"epochs": 3}),
    ),
    "pbt: momentum of adamw": Row(
        "a.yaml: search.space.train.momentum: is sgd's alone, and train.optimizer is adamw",
        recipe=population(path="train.momentum"),
    ),
    "pbt: range that the recipe refuses": Row(
        "a.yaml: search.space.train.weight_decay: must be at least 0, but got -1.0; nearest valid choice: 0",
        recipe=population(path="train.weight_decay", domain={"uniform": [-1, 1]}),
    ),
    "pbt: for branches": Row(
        "a.yaml: compress.search.algorithm: finds values that change while a network trains, and a branch is more than "
        "one training, but got 'pbt'; nearest valid choice: tpe",
        recipe={"compress": {"search": {"algorithm": "pbt"}}},
    ),
    "search: algorithm unknown": Row(
        "a.yaml: search.algorithm: must be one of grid, random, tpe, gp, nsga2, cmaes, pbt, but got 'nsga'; "
        "nearest valid choice: nsga2",
        recipe=two(OPTIMIZER, algorithm="nsga"),
    ),
}

if sessions.available("cuda"):
    del ROWS["provider that is not installed"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with data, modules, and a home that holds a product and a store entry."""
    environment = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PAREDOWN_HOME", str(tmp_path / "home"))
    table(*(f"{row},{row % 7},{'yes' if row % 3 else 'no'}" for row in range(60)))()
    np.savez("pictures.npz", x=np.arange(40 * 64 * 3).reshape(40, 8, 8, 3) % 256, y=np.arange(40) % 4)
    for name, body in MODULES.items():
        Path(f"{name}.py").write_text(textwrap.dedent(body))
    for file in ("home/products/good/model.onnx", "home/store/ab/abcd"):
        Path(file).parent.mkdir(parents=True)
        Path(file).write_text("as it was")
    yield tmp_path
    os.environ.clear()
    os.environ.update(environment)
    for name in MODULES:
        sys.modules.pop(name, None)


def write(row: Row) -> list[str]:
    """The row's files; what the command line is given."""
    row.make()
    if isinstance(row.recipe, str):
        Path("a.yaml").write_text(row.recipe)
    else:
        Path("a.yaml").write_text(yaml.safe_dump({**RECIPE, **(row.recipe or {})}))
    return [row.conf, *row.overrides]


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[Any, str, str]:
    """Exit code, standard output and standard error of `paredown`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["paredown", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file under a folder."""
    found = {str(file.relative_to(folder)): file.stat() for file in folder.rglob("*") if file.is_file()}
    return {name: (status.st_size, status.st_mtime_ns) for name, status in found.items()}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = write(ROWS[name])
    before = files(place)
    assert answer(capsys, "plan", *arguments) == (2, "", f"paredown: {ROWS[name].says}\n")
    after = files(place)
    assert {file: after.get(file) for file in before} == before
    assert {file for file in after if file.startswith("home/products")} == {"home/products/good/model.onnx"}
    assert not Path("ran").exists()


def test_bad_images_can_be_skipped_and_are_counted(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos("bee/7.png", "ant/8.png")
    Path("a.yaml").write_text(yaml.safe_dump({"name": "good", "data": {"source": "photos", "on_bad": "skip"}}))
    code, out, err = answer(capsys, "plan", "a.yaml")
    assert (code, err) == (0, "")
    assert "2 skipped" in out


@pytest.mark.parametrize("command", [("optimize", "a.yaml"), ("predict", "a.yaml", "new.csv")])
def test_every_command_names_the_recipe(
    command: tuple[str, ...], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(Row("", recipe={"goal": {"metrc": "f1"}}))
    says = "paredown: a.yaml: goal.metrc: is not a known key; nearest valid choice: metric\n"
    assert answer(capsys, *command) == (2, "", says)
    assert sorted(files(Path("home"))) == ["products/good/model.onnx", "store/ab/abcd"]


def closed_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


SERVERS = {
    "PREFECT_API_URL": ("http://{}/api", "must be the address of a running Prefect API, as http://host:4200/api is"),
    "MLFLOW_TRACKING_URI": ("http://{}", "must be the address of a running MLflow server"),
    "RAY_ADDRESS": ("{}", "must be the address of a running Ray cluster"),
}


@pytest.mark.parametrize("variable", SERVERS)
def test_a_server_that_does_not_answer(
    variable: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    form, law = SERVERS[variable]
    address = form.format(f"127.0.0.1:{closed_port()}")
    monkeypatch.setenv(variable, address)
    says = (
        f"paredown: {variable}: {law} ([Errno 111] Connection refused), but got {address!r}; "
        f"nearest valid choice: unset {variable} for the embedded one\n"
    )
    assert answer(capsys, "plan", *write(Row(""))) == (2, "", says)


@pytest.mark.parametrize(
    ("home", "reason"),
    [
        ("rows.csv", "File exists"),
        ("rows.csv/below", "Not a directory"),
        ("/proc/paredown", "No such file or directory"),
    ],
)
def test_a_home_that_is_no_folder_to_write_to(
    home: str, reason: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PAREDOWN_HOME", home)
    says = f"PAREDOWN_HOME: must be a folder that can be written ({reason}), but got {str(place / home)!r}"
    assert answer(capsys, "plan", *write(Row(""))) == (2, "", f"paredown: {says}\n")


def test_a_home_that_is_full(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = place / "tiny"
    tiny.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tiny)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        monkeypatch.setenv("PAREDOWN_HOME", str(tiny))
        says = f"paredown: PAREDOWN_HOME: must be a folder with 256 MiB free, but {tiny} has 1 MiB\n"
        assert answer(capsys, "plan", *write(Row(""))) == (2, "", says)
        with (tiny / "filler").open("wb") as filler, pytest.raises(OSError, match="No space"):
            filler.write(bytes(2**21))
        law = "must be a folder that can be written (No space left on device)"
        says = f"paredown: PAREDOWN_HOME: {law}, but got {str(tiny)!r}\n"
        assert answer(capsys, "plan", *write(Row(""))) == (2, "", says)
    finally:
        subprocess.run(["umount", str(tiny)], check=True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("plan", "--fast", "a.yaml"), "No such option"),
        (("plan",), "Missing argument 'conf'"),
        (("plam", "a.yaml"), "No such command 'plam'"),
    ],
)
def test_a_wrong_call_is_answered_with_the_usage(
    arguments: tuple[str, ...], says: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = answer(capsys, *arguments)
    assert (code, out) == (2, "")
    assert "Usage: paredown" in err
    assert says in err


OPTIMIZE: dict[str, tuple[str | None, dict[str, str]]] = {
    "before Prefect": ("key unknown in a step", {}),
    "before Prefect, in the environment": (None, {"PAREDOWN_HOME": "rows.csv"}),
    "within a task": ("data: target column absent", {}),
    "within the flow": ("factory: module that crashes", {}),
}


@pytest.mark.parametrize("name", OPTIMIZE)
def test_optimize_says_the_same_in_a_process_of_its_own(name: str, place: Path) -> None:
    row, environment = OPTIMIZE[name]
    law = "must be a folder that can be written (File exists)"
    says = ROWS[row].says if row else f"PAREDOWN_HOME: {law}, but got {str(place / 'rows.csv')!r}"
    command = [str(Path(sys.executable).with_name("paredown")), "optimize", *write(ROWS[row] if row else Row(""))]
    ended = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=False
    )
    assert (ended.returncode, ended.stderr) == (2, f"paredown: {says}\n")
    assert "Traceback" not in ended.stdout
    assert Path("home/products/good/model.onnx").read_text() == "as it was"
    assert list(Path("home/products").iterdir()) == [Path("home/products/good")]
