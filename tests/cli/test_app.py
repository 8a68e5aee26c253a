"""The command line: nothing heavy is imported before it is needed."""

from __future__ import annotations

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
