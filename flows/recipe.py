"""Recipe: the Specs of every verb, composed; read from YAML, with every mistake answered in one message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from flows.mistakes import explain
from tasks.artifacts import Goal, InputError, Runtime, Spec
from tasks.augmentation import AugmentStep
from tasks.compression import Compress
from tasks.exporting import Export
from tasks.ingestion import DataSpec
from tasks.modeling import ModelSpec
from tasks.preprocessing import PreprocessStep
from tasks.training import TrainSpec
from tasks.tuning import Point, Search


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


SEARCHABLE = ("train.", "model.arguments.", "augment.")


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
            raise InputError("must have the form key=value", path="command line", value=override)
        try:
            put(content, key, yaml.safe_load(text))
        except yaml.YAMLError:
            raise InputError("has a value that is not YAML", path=key, value=text) from None
    return validate(content, str(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file."""
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        beside = sorted(str(found) for found in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        raise InputError("does not exist", file=str(path), nearest=", ".join(beside) or None) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read ({error})", file=str(path)) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}" if mark else None
        raise InputError(f"is not valid YAML ({getattr(error, 'problem', error)})", file=str(path), path=line) from None
    if not isinstance(content, dict):
        raise InputError("must be a mapping of keys to values", file=str(path), value=type(content).__name__)
    return content


def validate(content: dict[str, Any], file: str | None = None) -> Recipe:
    """A recipe from plain data; also tries both ends of the search space.

    Raises:
        InputError: the first mistake, explained.
    """
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        raise explain(error, content, Recipe, file) from None
    except InputError as error:
        raise InputError(error.law, file=file, path=error.path, value=error.value, nearest=error.nearest) from None
    if recipe.search:
        _check_space(recipe, recipe.search, file)
    return recipe


def with_point(recipe: Recipe, point: Point) -> Recipe:
    """The recipe with the values of a search's point; it can be saved and run alone."""
    content = recipe.model_dump(mode="json")
    for path, value in point.items():
        put(content, path, value)
    return Recipe.model_validate(content)


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


def put(content: dict[str, Any], path: str, value: Any) -> None:
    """Puts a value at a dotted path, in place; missing mappings on the way are made.

    Raises:
        InputError: the path runs through something that is neither a mapping nor a list.
    """
    *way, last = path.split(".")
    place: Any = content
    for part in way:
        place = _enter(place, part, path)
    if isinstance(place, list):
        place[_index(place, last, path)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise InputError("runs through a value that holds no others", path=path, value=place)


def _enter(place: Any, part: str, path: str) -> Any:
    if isinstance(place, list):
        return place[_index(place, part, path)]
    if not isinstance(place, dict):
        raise InputError("runs through a value that holds no others", path=path, value=place)
    if place.get(part) is None:
        place[part] = {}
    return place[part]


def _index(place: list[Any], part: str, path: str) -> int:
    if not part.isdigit() or int(part) >= len(place):
        law = f"has a list of {len(place)} here; its places are 0 to {len(place) - 1}"
        raise InputError(law, path=path, value=part)
    return int(part)


def _check_space(recipe: Recipe, search: Search, file: str | None) -> None:
    from tasks.tuning import corner_points

    for path in search.space:
        if not path.startswith(SEARCHABLE):
            law = f"must begin with one of {', '.join(SEARCHABLE)}"
            raise InputError(law, file=file, path="search.space", value=path)
    for point in corner_points(search):
        content = recipe.model_dump(mode="json")
        for path, value in point.items():
            put(content, path, value)
        try:
            Recipe.model_validate(content)
        except ValidationError as error:
            raise explain(error, content, Recipe, file, prefix="search.space: ") from None
