"""Mistakes: a pydantic error becomes one message with the law, the value and the nearest valid choice."""

from __future__ import annotations

import re
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tasks.artifacts import InputError, nearest

BOUNDS = ("ge", "gt", "le", "lt", "min_length", "max_length")


def explain(
    error: ValidationError, content: Any, root: type[BaseModel], file: str | None, prefix: str = ""
) -> InputError:
    """The first mistake of a validation as an InputError.

    Args:
        error: what pydantic says.
        content: the plain data that was validated; tells tags of unions apart from keys.
        root: the model that was validated; knows the names that would have been right.
        file: the file that the data came from.
        prefix: put before the path.
    """
    first = _worst(error)
    location, kind, context = first["loc"], first["type"], first.get("ctx") or {}
    path = prefix + ".".join(map(str, without_tags(location, content)))
    value = first.get("input")
    if kind == "extra_forbidden":
        known = names_at(root, location[:-1])
        choice = nearest(str(location[-1]), known) or ", ".join(known)
        return InputError("is not a known key", file=file, path=path, nearest=choice)
    if kind == "missing":
        return InputError("is required", file=file, path=path)
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        choice = nearest(str(value), choices) or ", ".join(choices)
        return InputError(f"must be one of {', '.join(choices)}", file=file, path=path, value=value, nearest=choice)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _unknown_tag(context, file, path, value)
    bound = next((context[name] for name in BOUNDS if name in context), None)
    law = _law(first["msg"])
    return InputError(law, file=file, path=path, value=_short(value), nearest=bound)


def _worst(error: ValidationError) -> Any:
    """The most telling error: an unknown key before others, and the deepest branch of a plain union."""
    errors = error.errors(include_url=False)
    unknown = [one for one in errors if one["type"] == "extra_forbidden" and not _in_plain_union(one, errors)]
    return (unknown or errors)[0]


def _in_plain_union(one: Any, errors: list[Any]) -> bool:
    return any(other["loc"][:-2] == one["loc"][:-2] and other["type"] == "missing" for other in errors)


def _unknown_tag(context: dict[str, Any], file: str | None, path: str, value: Any) -> InputError:
    tags = re.findall(r"'([^']*)'", str(context.get("expected_tags", "")))
    tag = value.get("step") if isinstance(value, dict) else value
    choice = nearest(str(tag), tags) or ", ".join(tags)
    law = f"must be one of {', '.join(tags)}" if tag is not None else "needs a step"
    return InputError(law, file=file, path=f"{path}.step", value=tag, nearest=choice)


def _law(message: str) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Input should be ")
    message = message.removeprefix("Assertion failed, ")
    known = message.startswith(("must", "should", "the ", "algorithm", "String", "needs", "names", "is "))
    return message if known else f"must be {message}"


def _short(value: Any) -> Any:
    return value if len(repr(value)) <= 80 else f"{repr(value)[:77]}..."


def without_tags(location: tuple[int | str, ...], content: Any) -> list[int | str]:
    """The location without the tags of unions, which are no keys of the user's data."""
    path: list[int | str] = []
    place = content
    for index, part in enumerate(location):
        is_last = index == len(location) - 1
        if isinstance(place, dict) and (part in place or is_last):
            place = place.get(part)
        elif isinstance(place, (list, tuple)) and isinstance(part, int) and part < len(place):
            place = place[part]
        else:
            continue
        path.append(part)
    return path


def names_at(root: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The field names of the model at a location; tags of unions choose their member."""
    kinds: list[Any] = [root]
    for part in location:
        kinds = [found for kind in kinds for found in _inside(kind, part)] or kinds
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return list(dict.fromkeys(name for model in models for name in model.model_fields))


def _inside(kind: Any, part: int | str) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if part in kind.model_fields:
            return _members(kind.model_fields[str(part)].annotation)
        step = kind.model_fields.get("step")
        tagged = step is not None and step.default == part
        return [kind] if tagged or kind.__name__ == part else []
    return []


def _members(annotation: Any) -> list[Any]:
    """The models in an annotation, through Annotated, unions and containers."""
    origin = get_origin(annotation)
    if origin is Literal:
        return []
    if origin in (Annotated, Union, types.UnionType, tuple, list, dict):
        return [found for argument in get_args(annotation) for found in _members(argument)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []
