"""The README's four starts, as a newcomer types them: `plan`, then `optimize` with a short training."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import yaml
from PIL import Image

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
NETWORK = """
from torch import nn

def tiny(input_shape, outputs, width):
    return nn.Sequential(
        nn.Conv2d(input_shape[0], width, 3, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(width, outputs),
    )
"""
WEIGHTS = """
import torch
from my_networks import tiny

torch.manual_seed(0)
network = tiny((3, 96, 96), 2, 16).eval()
torch.save(network.state_dict(), "tiny.pt")
batch = torch.export.Dim("batch")
torch.onnx.export(network, (torch.zeros(2, 3, 96, 96),), "model.onnx", dynamo=True, dynamic_shapes=({0: batch},))
"""
SHORT = ["runtime.processes=3", "compress.branches=[{name: int8, steps: [{step: int8}]}]"]


def starts() -> list[str]:
    """The recipes in the README's first section."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## Four starts") : text.index("## Install")]
    return re.findall(r"```yaml\n(.*?)```", section, flags=re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with everything that the starts name."""
    here = tmp_path_factory.mktemp("starts")
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"months": random.integers(1, 60, 600), "plan": random.choice(["basic", "plus"], 600)})
    frame["churned"] = np.where(frame["months"] + random.normal(0, 8, 600) < 24, "yes", "no")
    (here / "data").mkdir()
    frame.to_csv(here / "data" / "churn.csv", index=False)
    for name, level in (("bright", 170), ("dark", 80)):
        (here / "photos" / name).mkdir(parents=True)
        for number in range(60):
            pixels = random.normal(level, 40, (120, 160, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(here / "photos" / name / f"{number}.jpg")
    (here / "my_networks.py").write_text(NETWORK)
    subprocess.run([sys.executable, "-c", WEIGHTS], cwd=here, check=True, env=environment(here))
    return here


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PAREDOWN_HOME": str(folder / "home"), "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}


def paredown(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows.cli", *words]
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=600, check=False
    )


def test_there_are_four_starts() -> None:
    assert [yaml.safe_load(recipe)["name"] for recipe in starts()] == ["churn", "photos", "mine", "onnx"]


@pytest.mark.parametrize("place", range(4))
def test_a_start_gives_a_product(place: int, folder: Path) -> None:
    recipe = starts()[place]
    name = yaml.safe_load(recipe)["name"]
    (folder / "mine.yaml").write_text(recipe)
    planned = paredown(folder, "plan", "mine.yaml")
    assert planned.returncode == 0, planned.stderr
    trained = ["train.epochs=3"] if "model:" not in recipe else []
    ran = paredown(folder, "optimize", "mine.yaml", *SHORT, *trained)
    assert ran.returncode in (0, 3), ran.stdout + ran.stderr
    product = folder / "home" / "products" / name
    assert {"model.onnx", "report.html", "scorecard.json", "recipe.yaml"} <= {file.name for file in product.iterdir()}
    onnxruntime.InferenceSession(product / "model.onnx", providers=["CPUExecutionProvider"])
