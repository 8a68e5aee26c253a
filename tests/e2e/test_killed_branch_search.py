"""A search for branches that is killed in the middle continues with the trials that it had."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
import yaml
from support.servers import Command, paredown

pytestmark = pytest.mark.e2e

TRIALS = 4
RECIPE = f"""
name: tiny
data: {{source: "sklearn:digits"}}
model: {{factory: "tasks.architectures:convnet", arguments: {{width: 32}}}}
train: {{epochs: 3}}
compress:
  branches: [{{name: half, steps: [{{step: channels, sparsity: 0.5}}, {{step: recover, epochs: 2}}, {{step: int8}}]}}]
  search: {{trials: {TRIALS}, epochs: 3, concurrency: 1}}
goal: {{max_drop: 1.0, minimize: bytes}}
runtime: {{processes: 3, engine: onnxruntime}}
"""


def events(home: Path) -> list[bytes]:
    """The events in the journal of the search that is under way; a line that is being written is left out."""
    found = [file.read_bytes().splitlines(keepends=True) for file in (home / "checkpoints").glob("*/history.jsonl")]
    return [line for lines in found for line in lines if line.endswith(b"\n")]


def wait(command: Command, home: Path, enough: int, seconds: float = 400) -> list[bytes]:
    """The events as soon as there are enough."""
    end = time.monotonic() + seconds
    while len(found := events(home)) < enough:
        assert command.process.poll() is None, command.text()
        assert time.monotonic() < end, command.text()
        time.sleep(0.05)
    return found


def test_the_trials_before_the_kill_are_the_first_after_it(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RECIPE)
    home = tmp_path / "home"
    first = paredown(tmp_path, "optimize", "a.yaml", log="first")
    begun = len(wait(first, home, 1))
    wait(first, home, begun + 8)
    first.kill()
    before = events(home)
    second = paredown(tmp_path, "optimize", "a.yaml", log="second")
    after = wait(second, home, len(before) + 1)
    assert after[: len(before)] == before
    assert second.ends() == 0, second.text()
    said = re.search(rf"\b{TRIALS} trials\b", second.text())
    assert said, second.text()
    own, *found = yaml.safe_load((home / "products" / "tiny" / "recipe.yaml").read_text())["compress"]["branches"]
    assert own["name"] == "half"
    assert any(each["steps"][:2] == own["steps"][:2] for each in found), "one goes on from where the own one stands"
