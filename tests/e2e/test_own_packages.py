"""A folder of the user's with modules called `tasks` and `flows`: Paredown's own are imported in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
RECIPE = """
name: own
data: {source: "sklearn:digits", split: {calibration: 64}}
model: {factory: "nets:net", arguments: {width: 8}}
train: {epochs: 1, batch_size: 64, learning_rate: 0.01}
search:
  algorithm: random
  scheduler: none
  trials: 2
  epochs: 1
  space: {train.learning_rate: {loguniform: [0.003, 0.03]}}
compress: {branches: [{name: narrow, steps: [{step: channels, sparsity: 0.5}]}]}
goal: {max_drop: 1.0, minimize: bytes}
runtime: {processes: 3, engine: onnxruntime}
"""
NETS = """
from torch import nn

def net(width):
    first = nn.Conv2d(1, width, 3, padding=1)
    second = nn.Conv2d(width, width, 3, padding=1)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Flatten(), nn.Linear(width * 64, 10))
"""


def test_a_search_runs_beside_modules_with_the_names_of_paredown_s(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    for name in ("tasks.py", "flows/__init__.py"):
        (tmp_path / name).write_text("raise RuntimeError('this one is the wrong one')")
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "own.yaml").write_text(RECIPE)
    environment = {**os.environ, "PAREDOWN_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    # -P: like the script `paredown`, and unlike -m alone, it does not look for flows.cli in the working folder.
    command = [sys.executable, "-P", "-m", "flows.cli", "optimize", "own.yaml"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 trials, 0 stopped early, 0 failed" in ran.stdout
