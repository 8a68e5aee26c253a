"""Recipe: the Specs of every verb, composed; read from YAML, with every mistake answered in one message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from flows.documents import put, read_yaml
from flows.mistakes import explain
from flows.spaces import check_space, laid
from flows.templates import check_templates
from tasks.artifacts import Goal, InputError, Runtime, Spec
from tasks.augmentation import AugmentStep
from tasks.branch import Compress
from tasks.exporting import Export
from tasks.ingestion import DataSpec
from tasks.modeling import ModelSpec
from tasks.preprocessing import PreprocessStep
from tasks.spaces import Point, Search, restrict
from tasks.techniques import TAGS, Plugin
from tasks.training import TrainSpec


class Recipe(Spec):
    """Data, a model and a goal; everything else has a default."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80)
    """Names the product, its MLflow experiment and its registered model."""
    data: DataSpec
    """Where the examples come from and how they are split."""
    preprocess: tuple[PreprocessStep, ...] = ()
    """Fitted on train only, and part of the product's graph. Absent: the defaults for the kind of data."""
    augment: tuple[AugmentStep, ...] = ()
    """Random changes of the training images."""
    model: ModelSpec = ModelSpec()
    """The network, trained already or not."""
    train: TrainSpec = TrainSpec()
    """How the baseline is trained; not used when the model brings its weights."""
    search: Search | None = None
    """A search over any `train`, `model` or `augment` value before the baseline is trained."""
    compress: Compress | None = None
    """The branches to try. Absent: pruning, low rank and int8, alone and together."""
    export: Export = Export()
    """How the ONNX file is made and proven."""
    goal: Goal = Goal()
    """How good the product must be, and what it should have least of."""
    runtime: Runtime = Runtime()
    """Where the product will run; latency is measured in this way."""

    @model_validator(mode="after")
    def _file_is_not_trained(self) -> Recipe:
        if self.model.file is not None:
            check_for_file(self)
        return self


def check_for_file(recipe: Recipe) -> None:
    """Whether a recipe whose model is an ONNX file asks only for what can be done with one.

    Raises:
        ValueError: around the InputError, as pydantic wants it; it names the section, or the branch and its step.
    """
    for name in ("train", "search", "augment"):
        if getattr(recipe, name) != Recipe.model_fields[name].default:
            law = "must be left out: model.file is an ONNX file, which is never trained"
            raise ValueError(InputError(law, path=name))
    possible = ", ".join(tag for tag, kind in TAGS.items() if kind.form == "onnx")
    for place, branch in enumerate(recipe.compress.branches if recipe.compress else ()):
        for index, step in enumerate(branch.steps):
            kind = step.technique() if isinstance(step, Plugin) else step
            if getattr(kind, "form", "torch") != "onnx":
                law = f"needs a torch network, but branch {branch.name!r} begins with the ONNX file of model.file"
                path = f"compress.branches.{place}.steps.{index}"
                raise ValueError(
                    InputError(law, path=path, value=step.model_dump()["step"], nearest=f"one of {possible}")
                )


def load(path: Path, overrides: list[str] | None = None) -> Recipe:
    """Reads a recipe and lays `key=value` over it.

    Args:
        path: a YAML file.
        overrides: dotted path and YAML value, for example `train.epochs=3` or `compress.branches.0.name=x`.

    Raises:
        InputError: one message that names the file, the path in it, the law, the value and the nearest choice.
    """
    content = read_yaml(path)
    for override in overrides or []:
        key, separator, text = override.partition("=")
        if not separator or not key:
            law = "must have the form key=value, with a dotted path into the recipe as key"
            raise InputError(law, path="command line", value=override)
        try:
            put(content, key, yaml.safe_load(text))
        except yaml.YAMLError:
            raise InputError("must have a value in YAML after =", path="command line", value=override) from None
    return validate(content, str(path))


def validate(content: dict[str, Any], file: str | None = None) -> Recipe:
    """A recipe from plain data; also tries both ends of the search space.

    Raises:
        InputError: the first mistake, explained.
    """
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        raise explain(error, content, Recipe, file) from None
    if recipe.search:
        check_space(recipe, recipe.search, file)
    if recipe.compress and recipe.compress.search:
        check_templates(recipe, recipe.compress.search, file)
    return recipe


def with_point(recipe: Recipe, point: Point) -> Recipe:
    """The recipe with the values of a search's point."""
    return Recipe.model_validate(laid(recipe.model_dump(mode="json", exclude_unset=True), point))


def settle(recipe: Recipe, point: Point) -> Recipe:
    """The recipe with a point in it and without the search: saved and run alone, it trains just that point."""
    content = laid(recipe.model_dump(mode="json", exclude_unset=True), point)
    return Recipe.model_validate({name: section for name, section in content.items() if name != "search"})


def own_point(recipe: Recipe, search: Search) -> Point:
    """The recipe's own values at the paths of its search, also those outside their domains, as far as it names them."""
    own = {path: value_at(recipe, path) for path in search.space}
    named = {path: value for path, value in own.items() if value is not None or search.space[path].has(None)}
    return restrict(named, search.space)


def value_at(recipe: Recipe, path: str) -> Any:
    """The value at a dotted path; None when the recipe says nothing there."""
    place: Any = recipe.model_dump(mode="json")
    for part in path.split("."):
        if isinstance(place, list) and part.isdigit() and int(part) < len(place):
            place = place[int(part)]
        elif isinstance(place, dict):
            place = place.get(part)
        else:
            return None
    return place
