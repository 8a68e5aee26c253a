"""Places: where an error of pydantic lies in the user's own data, and which models could stand there."""

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
    """Where a mistake is, in the user's own data."""

    keys: list[str | int]
    """The way there, without the names that pydantic gives to the members of unions."""
    value: Any
    models: list[type[BaseModel]]
    """What could stand here."""
    default: Any = None
    """What the last key means when it is left out, if that is a plain value."""
    unlike: bool = False
    """The error speaks of a member of a union that shares no key with the value."""


def locate(root: type[BaseModel], error: Any, content: Any) -> ErrorLocation:
    """Follows an error's location through the data and the models at once."""
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
            if not any(keys & telling(model) for model in members):
                return ErrorLocation(place.keys, place.value, place.models, unlike=True)
            place.models = members
    return place


def telling(model: type[BaseModel]) -> set[str]:
    """The keys that show which member of a union is meant: those that it must have; any when it is told by its tag."""
    must = {name for name, field in model.model_fields.items() if field.is_required()}
    return set(model.model_fields) if step_tag(model) or not must else must


def _child(value: Any, part: int | str) -> list[Any]:
    is_item = isinstance(value, (list, tuple)) and isinstance(part, int) and part < len(value)
    return [value[part]] if is_item or (isinstance(value, Mapping) and part in value) else []


def step_tag(model: type[BaseModel]) -> str | None:
    """What `step` says for this model; a plug-in's stands for every import path."""
    step = model.model_fields.get("step")
    return None if step is None else step.default if isinstance(step.default, str) else PLUGIN


def _is_named(model: type[BaseModel], label: str) -> bool:
    """Whether a union member's label, such as `int8` or `function-after[check(), Choice]`, means this model."""
    return label == step_tag(model) or re.search(rf"\b{model.__name__}\b", label) is not None


def _settled(model: type[BaseModel], value: Any) -> type[BaseModel]:
    """The user's own class in place of the general plug-in, if there is one."""
    try:
        return load_plugin(value["step"]) if model is Plugin else model
    except InputError:
        return model


def _members(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation, through Annotated, unions and containers."""
    if get_origin(annotation) in (Annotated, Union, types.UnionType, tuple, list, dict):
        for argument in get_args(annotation):
            yield from _members(argument)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
