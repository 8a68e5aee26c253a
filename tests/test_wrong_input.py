"""Wrong input: for each law a recipe that breaks it, and the one message that the command line answers with.

Every row is a real file that goes through `paredown plan`, which checks all that `optimize` checks.
"""

from __future__ import annotations

import os
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

from flows.cli import main
from tasks.architectures import mlp

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
    "recipe file missing": Row("§", conf="b.yaml"),
    "recipe file missing, and so is its folder": Row("§", conf="confs/b.yaml"),
    "recipe is a folder": Row("§", conf="photos", make=photos),
    "recipe empty": Row("§", recipe=""),
    "recipe not a mapping": Row("§", recipe="- name: a\n"),
    "recipe not text": Row("§", conf="pictures.npz"),
    "YAML syntax": Row("§", recipe="name: a\ndata: {source: rows.csv\ngoal: {metric: f1}\n"),
    "YAML tab": Row("§", recipe="name: a\ndata:\n\tsource: rows.csv\n"),
    # keys
    "key unknown at the top": Row("§", recipe={"modle": {"factory": "nets:linear"}}),
    "key unknown, nothing like it": Row("§", recipe={"goal": {"zzz": 1}}),
    "key unknown in a section": Row("§", recipe={"train": {"epoch": 3}}),
    "key unknown two levels down": Row("§", recipe={"data": {**RECIPE["data"], "split": {"sed": 1}}}),
    "key unknown in goal": Row("§", recipe={"goal": {"metrc": "f1"}}),
    "key unknown in limits": Row("§", recipe={"goal": {"limits": {"byte": 9}}}),
    "key unknown in a step": Row("§", recipe=steps({"step": "channels", "sparcity": 0.5})),
    "key unknown in recover": Row("§", recipe=steps({"step": "recover", "epoch": 1})),
    "key unknown in a domain": Row("§", recipe=space("train.learning_rate", {"logunifrm": [0.1, 1]})),
    "key of two domains": Row("§", recipe=space("train.learning_rate", {"uniform": [0.1, 1], "choice": [1]})),
    "key missing": Row("§", recipe={"data": {"target": "label"}}),
    "key that is a number": Row("§", recipe={3: "a"}),
    # values
    "text for a whole number": Row("§", recipe={"train": {"epochs": "many"}}),
    "fraction for a whole number": Row("§", recipe={"train": {"epochs": 1.5}}),
    "text for a number": Row("§", recipe={"goal": {"max_drop": "little"}}),
    "number that may be absent": Row("§", recipe={"train": {"minutes": "ten"}}),
    "number for text": Row("§", recipe={"name": 2024}),
    "text for true or false": Row("§", recipe=steps({"step": "int8", "per_channel": "maybe"})),
    "text for a list": Row("§", recipe={"data": {**RECIPE["data"], "drop": "a"}}),
    "mapping for a list": Row("§", recipe={"compress": {"branches": {"a": []}}}),
    "number for a section": Row("§", recipe={"train": 3}),
    "section left empty": Row("§", recipe={"train": None}),
    "list without an entry": Row("§", recipe=steps()),
    "too small": Row("§", recipe={"train": {"epochs": 0}}),
    "too large": Row("§", recipe={"runtime": {"threads": 1000}}),
    "at an end that is excluded": Row("§", recipe=steps({"step": "channels", "sparsity": 1})),
    "whole number at an end that is excluded": Row("§", recipe={"goal": {"limits": {"bytes": 0}}}),
    "infinite": Row("§", recipe={"train": {"learning_rate": float("inf")}}),
    "name with bad characters": Row("§", recipe={"name": "my model/2"}),
    "name too long": Row("§", recipe={"name": "a" * 90}),
    "metric unknown": Row("§", recipe={"goal": {"metric": "acuracy"}}),
    "optimizer unknown": Row("§", recipe={"train": {"optimizer": "adan"}}),
    "optimizer of recover unknown": Row("§", recipe=steps({"step": "recover", "optimizer": "sdg"})),
    "step unknown": Row("§", recipe=steps({"step": "chanels"})),
    "step unknown in preprocess": Row("§", recipe={"preprocess": [{"step": "onehot"}]}),
    "step that is text": Row("§", recipe=steps("int8")),
    "step without a tag": Row("§", recipe={"augment": [{"padding": 1}]}),
    # overrides
    "override without =": Row("§", overrides=("train.epochs",)),
    "override with an unknown key": Row("§", overrides=("train.epoch=3",)),
    "override with a wrong value": Row("§", overrides=("train.epochs=0",)),
    "override with a value that is not YAML": Row("§", overrides=("train={epochs: 3",)),
    "override through a value": Row("§", overrides=("name.first=a",)),
    "override past the end of a list": Row(
        "§", recipe=steps({"step": "int8"}), overrides=("compress.branches.2.name=x",)
    ),
    "override with text for a place": Row(
        "§", recipe=steps({"step": "int8"}), overrides=("compress.branches.b.name=x",)
    ),
    # the user's own model
    "factory: no such module": Row("§", recipe=model(factory="netz:linear")),
    "factory: no such module in a package": Row("§", recipe=model(factory="tasks.architecture:mlp")),
    "factory: no such name": Row("§", recipe=model(factory="nets:liner")),
    "factory: not module:name": Row("§", recipe=model(factory="nets.linear")),
    "factory: takes no such argument": Row("§", recipe=model(arguments={"widht": 8})),
    "factory: raises": Row("§", recipe=model(factory="nets:unlucky")),
    "factory: gives no network": Row("§", recipe=model(factory="nets:number")),
    "factory: another input shape": Row("§", recipe=model(factory="nets:deaf")),
    "factory: another output shape": Row("§", recipe=model(factory="nets:wide")),
    "factory: module that crashes": Row("§", recipe=model(factory="crashing:net")),
    "factory: module that exits": Row("§", recipe=model(factory="leaving:net")),
    "plug-in: no such module": Row("§", recipe=steps({"step": "prun:Mine"})),
    "plug-in: no such class": Row("§", recipe=steps({"step": "prune:Mina"})),
    "plug-in: no technique": Row("§", recipe=steps({"step": "prune:Stranger"})),
    "plug-in: knob unknown": Row("§", recipe=steps({"step": "prune:Mine", "amuont": 0.5})),
    "plug-in: knob out of range": Row("§", recipe=steps({"step": "prune:Mine", "amount": 2})),
    "weights: no such file": Row("§", recipe=model(weights="traind.pt"), make=saved(dict)),
    "weights: tensor missing": Row(
        "§", recipe=model(weights="trained.pt"), make=saved(lambda state: dict(list(state.items())[1:]))
    ),
    "weights: tensor renamed": Row(
        "§",
        recipe=model(weights="trained.pt"),
        make=saved(lambda state: {f"net.{name}": value for name, value in state.items()}),
    ),
    "weights: wrong shape": Row("§", recipe=model(weights="trained.pt", arguments={"width": 16}), make=saved(dict)),
    "weights: tensor left over": Row(
        "§", recipe=model(weights="trained.pt"), make=saved(lambda state: {**state, "extra": torch.zeros(1)})
    ),
    "weights: pickle with code": Row(
        "§", recipe=model(weights="trained.pt"), make=saved(lambda state: {**state, "code": Code()})
    ),
    "weights: no torch file": Row("§", recipe=model(weights="rows.csv")),
    "weights: no state dict": Row("§", recipe=model(weights="trained.pt"), make=saved(list)),
    # the data
    "data: no such file": Row("§", recipe={"data": {"source": "row.csv", "target": "label"}}),
    "data: no such kind of file": Row("§", recipe={"data": {"source": "nets.py"}}),
    "data: target column absent": Row("§", recipe={"data": {"source": "rows.csv", "target": "lable"}}),
    "data: no target": Row("§", recipe={"data": {"source": "rows.csv"}}),
    "data: one class": Row("§", make=table("1,2,yes", "2,3,yes", "4,5,yes")),
    "data: too few of a class": Row("§", make=table("1,2,yes", "2,3,no", "4,5,yes", "1,9,yes", "8,8,no")),
    "data: empty folder": Row("§", recipe={"data": {"source": "empty"}}, make=Path("empty").mkdir),
    "data: image that cannot be decoded": Row(
        "§", recipe={"data": {"source": "photos"}}, make=lambda: photos("bee/7.png")
    ),
    "data: NaN in features": Row("§", recipe={"data": {"source": "features.npz"}}, make=with_nan),
    # what does not go together
    "metric for regression": Row("§", recipe={"goal": {"metric": "rmse"}}),
    "augment on a table": Row("§", recipe={"augment": [{"step": "flip"}]}),
    "preprocess step for images": Row("§", recipe={"preprocess": [{"step": "normalize"}]}),
    "preprocess step twice": Row("§", recipe={"preprocess": [{"step": "scale"}, {"step": "scale"}]}),
    "mean for another number of channels": Row(
        "§", recipe={**IMAGES, "preprocess": [{"step": "normalize", "mean": [0.5], "std": [0.5]}]}
    ),
    "layer to ignore unknown": Row("§", recipe={**IMAGES, **steps({"step": "channels", "ignore": ["block.0"]})}),
    # search
    "search: path outside": Row("§", recipe=space("goal.max_drop", {"uniform": [0.1, 0.2]})),
    "search: path mistyped": Row("§", recipe=space("trian.epochs", {"choice": [1, 2]})),
    "search: path unknown": Row("§", recipe=space("train.learningrate", {"loguniform": [0.1, 1]})),
    "search: path through an absent step": Row("§", recipe=space("augment.0.padding", {"choice": [1, 2]})),
    "search: argument unknown": Row("§", recipe=space("model.arguments.widht", {"choice": [8, 16]})),
    "search: argument that no network has": Row("§", recipe=space("model.arguments.width", {"choice": [8, "wide"]})),
    "search: value out of range": Row("§", recipe=space("train.epochs", {"integers": [0, 9]})),
    "search: choice that is none": Row("§", recipe=space("train.optimizer", {"choice": ["sgd", "adan"]})),
    "search: fractions for a whole number": Row("§", recipe=space("train.epochs", {"uniform": [1, 9]})),
    "search: domain that is a number": Row("§", recipe=space("train.epochs", 3)),
    "search: range of one number": Row("§", recipe=space("train.learning_rate", {"uniform": [0.1]})),
    "search: range upside down": Row("§", recipe=space("train.learning_rate", {"uniform": [1, 0.1]})),
    "search: logarithm of nothing": Row("§", recipe=space("train.learning_rate", {"loguniform": [0, 1]})),
    "search: range of text": Row("§", recipe=space("train.learning_rate", {"uniform": ["low", 1]})),
    "search: no choice": Row("§", recipe=space("train.epochs", {"choice": []})),
    "search: grid over a range": Row("§", recipe=space("train.learning_rate", {"uniform": [0.1, 1]}, algorithm="grid")),
}


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


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[Any, str]:
    """The exit code of `paredown` and what it says on standard error; on standard output it must say nothing."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["paredown", *arguments])
        main()
    said = capsys.readouterr()
    assert ended.value.code == 0 or said.out == ""
    return ended.value.code, said.err


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file under a folder."""
    found = {str(file.relative_to(folder)): file.stat() for file in folder.rglob("*") if file.is_file()}
    return {name: (status.st_size, status.st_mtime_ns) for name, status in found.items()}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = write(ROWS[name])
    before = files(place)
    assert answer(capsys, "plan", *arguments) == (2, f"paredown: {ROWS[name].says}\n")
    after = files(place)
    assert {file: after.get(file) for file in before} == before
    assert {file for file in after if file.startswith("home/products")} == {"home/products/good/model.onnx"}
    assert not Path("ran").exists()
