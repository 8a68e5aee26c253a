"""Deployed recipes: a name stands for the file that was deployed under it, or that made its product."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.services.deployed_recipes import DeployedRecipe, keep_deployed, recall_deployed, recipe_file, run_label


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PAREDOWN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_what_is_deployed_joins_what_was_deployed(home: Path) -> None:
    assert recall_deployed(home) == {}
    first, second = DeployedRecipe("/a/a.yaml", "/a", "new"), DeployedRecipe("/b/b.yaml", "/b")
    keep_deployed(home, {"a": first})
    keep_deployed(home, {"b": second})
    assert recall_deployed(home) == {"a": first, "b": second}


def test_a_file_comes_before_a_name_and_what_is_unknown_is_left_to_the_reader(home: Path) -> None:
    keep_deployed(home, {"a": DeployedRecipe("/a/a.yaml", "/a")})
    made = home / "products" / "b" / "recipe.yaml"
    made.parent.mkdir(parents=True)
    made.write_text("name: b")
    assert recipe_file("a") == Path("/a/a.yaml")
    assert recipe_file("b") == made
    assert recipe_file("nowhere.yaml") == Path("nowhere.yaml")
    Path("a").write_text("name: another")
    assert recipe_file("a") == Path("a")


@pytest.mark.parametrize(("given", "label"), [("conf/churn.yaml", "churn"), ("resnet-1.5", "resnet-1.5")])
def test_a_run_is_called_after_its_recipe(given: str, label: str) -> None:
    assert run_label(given) == label
