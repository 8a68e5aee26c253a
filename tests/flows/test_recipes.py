"""The shipped recipes load and say how they are run; the door to the command line is light."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.recipe.loading import load_recipe
from flows.recipe.schema import Recipe

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted((ROOT / "conf").rglob("*.yaml"))
HEAVY = ("torch", "pandas", "sklearn", "prefect", "ray", "mlflow", "onnx", "onnxruntime", "scipy")


def test_there_are_recipes() -> None:
    assert {"churn.yaml", "cifar10_resnet20.yaml", "digits.yaml"} <= {path.name for path in RECIPES}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_loads_and_names_its_command(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name.replace("-", "_") == path.stem.replace("-", "_")
    first = path.read_text().splitlines()[0]
    command = f"# paredown optimize {path.relative_to(ROOT)}"
    assert first == command or first.startswith(f"{command} ")
    for override in first.removeprefix(command).split():
        key, _, value = override.partition("=")
        assert value, first
        load_recipe(path, [f"{key}={value}"])


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_the_same_after_a_round_trip(path: Path) -> None:
    recipe = load_recipe(path)
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


@pytest.mark.parametrize("module", ["flows.cli.app", "flows.recipe.schema"])
def test_nothing_heavy_is_imported_before_it_is_needed(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_loading_a_shipped_recipe_stays_light() -> None:
    code = (
        "import sys; from pathlib import Path; from flows.recipe.schema import load;"
        f"load(Path('conf/digits.yaml')); print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    # Its factory is looked up only when the model is built.
    assert found.stdout.split() == []


def test_imports_go_down_only() -> None:
    linter = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert linter is not None
    found = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
