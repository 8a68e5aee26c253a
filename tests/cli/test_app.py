"""The command line: nothing heavy is imported before it is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "pandas", "sklearn", "prefect", "ray", "mlflow", "onnx", "onnxruntime", "scipy")


@pytest.mark.parametrize("module", ["flows.cli.app", "flows.recipe.schema"])
def test_nothing_heavy_is_imported_before_it_is_needed(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_loading_a_shipped_recipe_stays_light() -> None:
    code = (
        "import sys; from pathlib import Path; from flows.recipe.loading import load_recipe;"
        f"load_recipe(Path('conf/digits.yaml')); print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    # Its factory is looked up only when the model is built.
    assert found.stdout.split() == []


def paredown(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, given in this folder, with a home of its own."""
    environment = {**os.environ, "PAREDOWN_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    for name in ("PREFECT_HOME", "PREFECT_API_URL", "RAY_AUTH_TOKEN_PATH"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "flows.cli", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_absent_data_are_answered_before_a_server_is_started(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("{name: gone, data: {source: gone.csv, target: y}}")
    said = paredown(tmp_path, "optimize", "recipe.yaml")
    assert said.returncode == 2
    law = "recipe.yaml: data.source: must be a file or folder that exists, but got 'gone.csv'"
    assert said.stderr.splitlines() == [f"paredown: {law}"]
    assert {place.name for place in (tmp_path / "home").iterdir()} == {"ray-token"}, "neither Prefect's nor MLflow's"


def test_a_module_of_the_user_s_called_tasks_does_no_harm_and_cannot_be_named(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("raise RuntimeError('the wrong tasks')")
    (tmp_path / "recipe.yaml").write_text(
        "{name: own, data: {source: 'sklearn:digits'}, model: {factory: 'tasks:net'}}"
    )
    said = paredown(tmp_path, "plan", "recipe.yaml")
    law = "recipe.yaml: model.factory: the module tasks is Paredown's own; rename yours"
    assert (said.returncode, said.stderr.splitlines()) == (2, [f"paredown: {law}"])
    assert paredown(tmp_path, "plan", "recipe.yaml", "model.factory=tasks.architectures:convnet").returncode == 0
