"""Error locations: where a pydantic error lies in the user's data, and which pydantic models are possible there."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from tasks.core import InputError
from tasks.techniques.plugin import PLUGIN, Plugin, load_plugin


@dataclass
class ErrorLocation:
    """Where a mistake is in the user's data."""

    keys: list[str | int]
    """Keys and list indices from the root, without the labels that pydantic adds for members of unions."""
    value: Any
    """The user's value there; None when it is missing."""
    models: list[type[BaseModel]]
    """The models that are possible there."""
    default: Any = None
    """The default of the last key, if it is a number or text."""
    unlike: bool = False
    """The error is about a member of a union that shares no key with the value, so the user did not mean it."""


def locate(root: type[BaseModel], error: Any, content: Any) -> ErrorLocation:
    """Finds an error's location by following pydantic's `loc` through the data and the models together.

    Args:
        root: the model that was validated.
        error: one entry of `ValidationError.errors()`.
        content: the plain data that was validated.
    """
    place, last = ErrorLocation([], content, [root]), len(error["loc"]) - 1
    for index, part in enumerate(error["loc"]):
        inside, absent = _child(place.value, part), error["type"] == "missing" and index == last
        if inside or absent:
            fields = [model.model_fields[part] for model in place.models if part in model.model_fields]
            defaults = [field.default for field in fields if isinstance(field.default, (int, float, str))]
            models = list(dict.fromkeys(found for field in fields for found in _members(field.annotation)))
            value, default = next(iter(inside), None), next(iter(defaults), None)
            place = ErrorLocation([*place.keys, part], value, models or place.models, default)
        elif part != "[key]":
            members = [_settled(model, place.value) for model in place.models if _is_named(model, str(part))]
            keys = set(place.value) if isinstance(place.value, Mapping) else set()
            if not any(keys & identifying_keys(model) for model in members):
                return ErrorLocation(place.keys, place.value, place.models, unlike=True)
            place.models = members
    return place


def identifying_keys(model: type[BaseModel]) -> set[str]:
    """The keys that show that this member of a union is meant: its required ones.

    All of its keys if it has no required one, or if a `step` tag identifies it.
    """
    must = {name for name, field in model.model_fields.items() if field.is_required()}
    return set(model.model_fields) if step_tag(model) or not must else must


def _child(value: Any, part: int | str) -> list[Any]:
    is_item = isinstance(value, (list, tuple)) and isinstance(part, int) and part < len(value)
    return [value[part]] if is_item or (isinstance(value, Mapping) and part in value) else []


def step_tag(model: type[BaseModel]) -> str | None:
    """The model's value of `step`; `PLUGIN` for plug-ins, whose `step` is an import path; None without a `step`."""
    step = model.model_fields.get("step")
    return None if step is None else step.default if isinstance(step.default, str) else PLUGIN


def _is_named(model: type[BaseModel], label: str) -> bool:
    """Whether pydantic's label of a union member, such as `int8` or `function-after[check(), Choice]`, names it."""
    return label == step_tag(model) or re.search(rf"\b{model.__name__}\b", label) is not None


def _settled(model: type[BaseModel], value: Any) -> type[BaseModel]:
    """The model; in place of `Plugin`, the user's class that `step` names, if it can be loaded."""
    try:
        return load_plugin(value["step"]) if model is Plugin else model
    except InputError:
        return model


def _members(annotation: Any) -> Iterator[type[BaseModel]]:
    """All pydantic models in an annotation, also inside Annotated, unions and containers."""
    if get_origin(annotation) in (Annotated, Union, types.UnionType, tuple, list, dict):
        for argument in get_args(annotation):
            yield from _members(argument)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
