"""Search validation: whether a recipe accepts every value that its search may put into it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from flows.recipe.error_messages import explain
from flows.recipe.points import KINDS, put_point, with_point
from tasks.core import InputError, nearest_choice
from tasks.models.family_names import NETWORKS
from tasks.search.domains import Domain, LogUniform, Quantized, Uniform
from tasks.search.search_spec import Search
from tasks.search.space import Point, Space, applies, enabling_settings, ordered
from tasks.training.value_schedule import ValueChange

if TYPE_CHECKING:
    from flows.recipe.schema import Recipe

CHANGEABLE = tuple(f"train.{name}" for name in ValueChange.model_fields)
"""Paths of the values that can change while a network trains."""
SEARCHABLE = ("train.", "augment.", "preprocess.", "model.family", "model.factory", "model.arguments.")
"""Paths that the search for a network may vary, or their beginnings."""
SIMPLE = ("preprocess.", "model.family", "model.factory", "model.arguments.", "model.balanced")
"""The same of a simple model."""


def check_space(recipe: Recipe, search: Search, file: str | None) -> None:
    """Validates the recipe with the values of each of the space's `probes`.

    Args:
        file: the recipe's file, for messages.

    Raises:
        InputError: a path cannot be searched, `pbt` does not fit the recipe, or the recipe does not accept a value.
    """
    if search.algorithm == "pbt":
        for path, domain in search.space.items():
            check_changeable(path, domain, file)
    possible = paths_of(recipe, search, file)
    for path in search.space:
        check_path(path, search, possible, file)
    if search.algorithm == "pbt":
        check_population(recipe, search, file)
    if recipe.train.learning_rate == "auto" and "train.learning_rate" in search.space:
        law = "must be a number or left out, since search.space turns it"
        raise InputError(law, file=file, path="train.learning_rate", value="auto")
    for point in probes(search.space):
        content = {"augment": [], "preprocess": [], **recipe.model_dump(mode="json", exclude_unset=True)}
        try:
            type(recipe).model_validate(put_point(content, point))
        except ValidationError as error:
            said = explain(error, content, type(recipe), file, prefix="search.space.")
            raise placed(_whole(said, search.space), point) from None
        except InputError as error:
            place = f"search.space.{error.path}"
            raise error.at(path=place, file=file) from None


def paths_of(recipe: Recipe, search: Search, file: str | None) -> Sequence[str]:
    """The paths that the search of this recipe may vary: SEARCHABLE, or SIMPLE of a simple model.

    Raises:
        InputError: it chooses between simple models and networks.
    """
    domain = search.space.get("model.family")
    families = [recipe.model.family] if domain is None else list(domain.values() or ())
    networks = [family for family in families if family in NETWORKS]
    if networks and len(networks) < len(families):
        law = f"must choose between simple models, or between the networks {', '.join(NETWORKS)}"
        nearest = {"choice": [family for family in families if family not in NETWORKS]}
        raise InputError(law, file=file, path="search.space.model.family", value=families, nearest=nearest)
    is_simple = domain is not None or recipe.model.is_simple
    return SIMPLE if is_simple and not networks else SEARCHABLE


def check_path(path: str, search: Search, possible: Sequence[str], file: str | None) -> None:
    """Checks that this search can vary the value at a path, whatever its domain. Raises InputError if not.

    Args:
        path: a path of the search's space.
        search: the search.
        possible: the paths that it may vary, or their beginnings, which end with a dot.
        file: the recipe's file, for messages.
    """
    place = f"search.space.{path}"
    if path.split(".")[0] == "compress":
        law = "belongs into compress.search.space, as <branch>.<step index>.<knob>"
        raise InputError(law, file=file, path=place)
    if not any(path.startswith(each) if each.endswith(".") else path == each for each in possible):
        of = " of a simple model" if possible is SIMPLE else ""
        law = f"must be one of, or begin with, {', '.join(possible)}{of}"
        raise InputError(law, file=file, path=place, nearest=_nearest_path(path, possible))
    for outer in search.space:
        if path.startswith(outer + ".") and outer not in search.space[path].when:
            law = f"lies in {outer}, which is searched as well: it needs a condition on it"
            raise InputError(law, file=file, path=place, nearest=f"when: {{{outer}: …}}")


def _nearest_path(path: str, possible: Sequence[str]) -> str | None:
    """The path with its beginning mended; None where nothing is similar."""
    mended = []
    for begin in possible:
        names = begin.rstrip(".").split(".")
        head, rest = path.split(".")[: len(names)], path.split(".")[len(names) :]
        if bool(rest) == begin.endswith(".") and nearest_choice(".".join(head), [".".join(names)]):
            mended.append(".".join([*names, *rest]))
    return nearest_choice(path, mended)


def check_changeable(path: str, domain: Domain, file: str | None) -> None:
    """Checks that `pbt` can change the value at a path while a network trains. Raises InputError if not."""
    place = f"search.space.{path}"
    if path not in CHANGEABLE:
        law = f"pbt changes values while a network trains: only {', '.join(CHANGEABLE)} (tpe searches the others)"
        raise InputError(law, file=file, path=place, nearest=nearest_choice(path, CHANGEABLE))
    if domain.when:
        law = "must be left out, since the algorithm is pbt (tpe and nsga2 take conditions)"
        raise InputError(law, file=file, path=f"{place}.when", value=domain.when)


def check_population(recipe: Recipe, search: Search, file: str | None) -> None:
    """Checks that `pbt` can divide the recipe's training into stages with other values. Raises InputError if not."""
    train, why = recipe.train, "since search.algorithm is pbt"
    epochs = min(search.epochs or train.epochs, train.epochs)
    if train.schedule != "constant":
        law = f"must be constant, {why}, which finds the schedule itself"
        raise InputError(law, file=file, path="train.schedule", value=train.schedule, nearest="constant")
    if train.early_stopping is not None:
        law = f"must be null, {why}: a network that stands still may go on with other values"
        raise InputError(law, file=file, path="train.early_stopping", nearest="null")
    if train.minutes is not None:
        law = f"must be left out, {why}: its stages are counted in epochs"
        raise InputError(law, file=file, path="train.minutes", value=train.minutes)
    if train.warm_up:
        law = f"must be left out, {why}, which finds the schedule itself"
        raise InputError(law, file=file, path="train.warm_up", value=train.warm_up)
    if train.progressive_resizing is not None:
        law = f"must be left out, {why}, whose stages are trainings of their own"
        raise InputError(law, file=file, path="train.progressive_resizing", value=train.progressive_resizing)
    if train.changes:
        raise InputError(f"must be left out, {why}, which finds the changes itself", file=file, path="train.changes")
    if search.generations > epochs:
        law = f"must be at most the epochs of a training, which are {epochs}"
        raise InputError(law, file=file, path="search.generations", value=search.generations, nearest=epochs)
    if "train.momentum" in search.space and train.optimizer != "sgd":
        law = f"is sgd's alone, and train.optimizer is {train.optimizer}"
        raise InputError(law, file=file, path="search.space.train.momentum")


def try_points(
    recipe: Recipe, check: Callable[[Recipe], None], without: tuple[str, ...] = ("train.", "augment.")
) -> None:
    """Calls `check` with the recipe at each of the search space's `probes`, without what it does not look at.

    Args:
        recipe: with or without a search.
        check: raises InputError.
        without: the beginnings of paths that keep the recipe's values.

    Raises:
        InputError: `check` raised it; names the path of the space, and the condition that an argument needs.
    """
    space = recipe.search.space if recipe.search else {}
    points: list[Point] = []
    for probe in probes(space):
        point = {path: value for path, value in probe.items() if not path.startswith(without)}
        if not point or point in points:
            continue
        points.append(point)
        try:
            check(with_point(recipe, point))
        except InputError as error:
            place = f"search.space.{error.path}" if error.path in point else "search.space"
            raise with_condition(error, point, recipe, check).at(path=place) from error


def with_condition(error: InputError, point: Point, recipe: Recipe, check: Callable[[Recipe], None]) -> InputError:
    """The mistake unchanged, except of a searched argument that only some of the searched families or factories take.

    It then names them as the condition.
    """
    space, path = recipe.search.space if recipe.search else {}, error.path or ""
    kind = next((each for each in KINDS if each in space and each in point), None)
    if kind is None or path not in point or not path.startswith("model.arguments.") or kind in space[path].when:
        return error

    def takes(value: Any) -> bool:
        try:
            check(with_point(recipe, {kind: value, path: point[path]}))
        except InputError as other:
            return other.path != path
        return True

    able = [value for value in space[kind].values() or () if takes(value)]
    if not able:
        return error
    law = f"needs a condition, since {kind} is searched as well: {error.law}"
    return InputError(law, path=path, nearest=f"when: {{{kind}: {able[0] if len(able) == 1 else able}}}")


def probes(space: Space) -> list[Point]:
    """Points that cover a space: if the recipe accepts them, it is taken to accept every point.

    They hold the ends of each domain and, for a continuous or quantized one, a value between them, each under every
    combination of values that makes the domain apply. Compatible values share a point, so that there are few.
    """
    paths = ordered(space)
    due = [
        {**way, path: value}
        for path in paths
        for way in enabling_settings(path, space)
        for value in _tried(space[path])
    ]
    points = []
    while due:
        point: Point = {}
        later = []
        for need in due:
            if not point or all(point.get(path, value) == value for path, value in need.items()):
                point |= need
            else:
                later.append(need)
        for path in paths:
            if path not in point and applies(space[path], point):
                point[path] = _tried(space[path])[-1]
        points.append({path: point[path] for path in paths if path in point})
        due = later
    return points


def _tried(domain: Domain) -> list[Any]:
    first, *others = domain.ends()
    if isinstance(domain, (Uniform, LogUniform)):
        low, high = domain.bounds()
        return [first, float(f"{low + (high - low) * 0.618:.4g}"), *others]
    return [first, domain.values()[1], *others] if isinstance(domain, Quantized) else [first, *others]


def _whole(said: InputError, space: Space) -> InputError:
    """The message unchanged, except where a field of whole numbers has a continuous domain.

    That message then names the domain instead of the number that was tried.
    """
    domain = space.get((said.path or "").removeprefix("search.space."))
    if not isinstance(domain, (Uniform, LogUniform)) or said.law != "must be a whole number":
        return said
    choice = {"integers": [math.ceil(end) for end in domain.ends()]}
    got = domain.model_dump(mode="json", exclude_defaults=True)
    return InputError("takes whole numbers", file=said.file, path=said.path, value=got, nearest=choice)


def placed(said: InputError, point: Point) -> InputError:
    """The message unchanged if it is about a searched path.

    One about another path names the whole point, because its values together cause the mistake.
    """
    place = (said.path or "").removeprefix("search.space.")
    if any(place == path or place.startswith(path + ".") for path in point):
        return said
    law = f"gives a recipe whose {place} {said.law}"
    return InputError(law, file=said.file, path="search.space", value=point, nearest=said.nearest)
