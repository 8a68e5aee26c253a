"""Wrong input: recipes that break a law, the one message that the command line answers with, and what it leaves alone.

Every row is a real file that goes through `paredown plan`, which checks all that `optimize` checks.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
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
        def shares(input_shape, outputs):
            return nn.Sequential(linear(input_shape, outputs), nn.Softmax(1))
        class Pair(nn.Module):
            def forward(self, batch):
                return batch, batch
        def pair():
            return Pair()
        def unlucky(outputs):
            raise RuntimeError("no network today")
        def number():
            return 3
    """,
    "scores": """
        def falls(outputs, targets):
            raise RuntimeError("no score today")
        def words(outputs, targets):
            return "good"
        def pairs(outputs, targets):
            return outputs
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


def check_plan(row: Row, place: Path, capsys: pytest.CaptureFixture[str], *options: str) -> None:
    """`paredown plan` with these options says what the row says, in one line, and changes no file."""
    arguments = [*write(row), *options]
    before = files(place)
    assert answer(capsys, "plan", *arguments) == (2, "", f"paredown: {row.says}\n")
    after = files(place)
    assert {file: after.get(file) for file in before} == before
    assert {file for file in after if file.startswith("home/products")} == {"home/products/good/model.onnx"}
    assert not Path("ran").exists()


def check_optimize(arguments: list[str], says: str, **environment: str) -> None:
    """`paredown optimize` says the same in a process of its own, and leaves the products alone."""
    command = [str(Path(sys.executable).with_name("paredown")), "optimize", *arguments]
    ended = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=False
    )
    assert (ended.returncode, ended.stderr) == (2, f"paredown: {says}\n")
    assert "Traceback" not in ended.stdout
    assert Path("home/products/good/model.onnx").read_text() == "as it was"
    assert list(Path("home/products").iterdir()) == [Path("home/products/good")]
