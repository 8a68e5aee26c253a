"""Error messages: turn a pydantic error into one InputError with the rule, the value and the nearest valid choice."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from flows.recipe.error_locations import ErrorLocation, identifying_keys, locate, step_tag
from tasks.core import InputError, nearest_choice
from tasks.techniques.plugin import PLUGIN

LAWS = {
    "missing": "is required",
    "int_": "must be a whole number",
    "float_": "must be a number",
    "finite_number": "must be a finite number",
    "bool_": "must be true or false",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of keys to values",
    "model_": "must be a mapping of keys to values",
    "invalid_key": "is a key, and must be text",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be above {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be below {lt}",
    "too_short": "needs more entries: at least {min_length}",
    "too_long": "must have at most {max_length} entries",
    "string_too_long": "must have at most {max_length} characters",
}
"""Prefix of pydantic's error type → the rule in the user's words. The first prefix that matches is used."""


def explain(
    error: ValidationError, content: Any, root: type[BaseModel], file: str | None, prefix: str = ""
) -> InputError:
    """The most useful mistake of a validation: an unknown key if there is one, otherwise the first mistake.

    Mistakes about members of unions that the user did not mean come last.

    Args:
        error: pydantic's error.
        content: the plain data that was validated; shows which parts of an error's location are keys.
        root: the model that was validated; its fields are the valid names.
        file: the file that the data came from; None when there is none.
        prefix: put before the path in the message.
    """
    found = [(each, locate(root, each, content)) for each in error.errors(include_url=False)]
    likely = [(each, place) for each, place in found if not place.unlike] or found
    first, place = next((pair for pair in likely if pair[0]["type"] == "extra_forbidden"), likely[0])
    said = translate(first, place)
    path = prefix + ".".join(map(str, [*place.keys, said.path] if said.path else place.keys))
    is_value = said.value is not None and not said.path and not place.unlike and place.keys
    choice = said.nearest if not is_value or _is_valid(said.nearest, place, content, root) else None
    shown = said.at(path=path, file=file)
    shown.value, shown.nearest = _short(said.value), choice
    return shown


def _is_valid(choice: Any, place: ErrorLocation, content: Any, root: type[BaseModel]) -> bool:
    """Whether the data has no mistake at this location once the choice, as YAML, is put there."""
    copied = copy.deepcopy(content)
    inside = copied
    for key in place.keys[:-1]:
        inside = inside[key]
    inside[place.keys[-1]] = yaml.safe_load(str(choice))
    try:
        root.model_validate(copied)
    except ValidationError as error:
        others = [locate(root, each, copied).keys for each in error.errors(include_url=False)]
        return not any(keys[: len(place.keys)] == place.keys for keys in others)
    return True


def translate(error: Any, place: ErrorLocation) -> InputError:
    """The message of one pydantic error. Its `path` is relative to the location, None for the location itself."""
    kind, context, value = error["type"], error.get("ctx") or {}, error.get("input")
    known = list(dict.fromkeys(name for model in place.models for name in model.model_fields))
    if place.unlike:
        keys = list(map(str, place.value)) if isinstance(place.value, Mapping) else []
        known = [name for name in known if any(name in identifying_keys(model) for model in place.models)]
        choice = next(filter(None, (nearest_choice(key, known) for key in keys)), None)
        law = f"must be a mapping with one of the keys {', '.join(known)}"
        return InputError(law, value=place.value, nearest=choice)
    if kind == "extra_forbidden":
        return InputError("is not a known key", nearest=nearest_choice(str(place.keys[-1]), known) or ", ".join(known))
    if kind.startswith("union_tag_") or (kind == "model_attributes_type" and step_tag(place.models[0])):
        return _unknown_step(value, [step_tag(model) for model in place.models])
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", context["expected"])
        return InputError(
            f"must be one of {', '.join(choices)}", value=value, nearest=nearest_choice(str(value), choices)
        )
    if kind == "string_pattern_mismatch":
        return _unfit_name(context["pattern"], value)
    if kind == "value_error":
        cause = context["error"].args[0]
        return cause if isinstance(cause, InputError) else InputError(str(cause))
    law = next((law for begin, law in LAWS.items() if kind.startswith(begin)), f"is wrong: {error['msg']}")
    law = law.format(**{name: f"{bound:g}" if isinstance(bound, float) else bound for name, bound in context.items()})
    if kind == "missing":
        return InputError(law)
    empty = ", but is empty" if value is None else ""
    return InputError(law + empty, value=value, nearest=_nearest_value(kind, context, value, place.default))


def _unknown_step(value: Any, tags: list[str | None]) -> InputError:
    known = [tag for tag in tags if tag and tag != PLUGIN]
    law = ", ".join(known) + (f", or your own as {PLUGIN}" if PLUGIN in tags else "")
    if not isinstance(value, Mapping):
        choice = nearest_choice(str(value), known)
        return InputError("must be a mapping with a step", value=value, nearest=choice and f"{{step: {choice}}}")
    if value.get("step") is None:
        return InputError(f"is required: {law}", path="step")
    choice = nearest_choice(str(value["step"]), known)
    return InputError(f"must be one of {law}", path="step", value=value["step"], nearest=choice)


def _unfit_name(pattern: str, value: str) -> InputError:
    marks = re.search(r"A-Za-z0-9([^\]]+)\]\*\$$", pattern)
    if marks is None:
        return InputError(f"must have the form {PLUGIN}", value=value)
    others = " ".join(["spaces"] * (" " in marks[1]) + [*marks[1].strip()])
    choice = re.sub(rf"[^A-Za-z0-9{marks[1]}]+", "-", value).strip("-_.+ ")
    law = f"must begin with a letter or a digit, and go on with letters, digits or {others}"
    return InputError(law, value=value, nearest=choice or None)


def _nearest_value(kind: str, context: dict[str, Any], value: Any, default: Any) -> Any:
    for name, step in (("ge", 0), ("le", 0), ("gt", 1), ("lt", -1)):
        if name in context:
            bound = int(context[name]) if context[name] == int(context[name]) else context[name]
            if step == 0 or isinstance(context[name], int):
                return bound + step
            return round(bound + step / 100, 6) if default is None else default
    if kind == "int_from_float":
        return round(value)
    if kind == "string_too_long":
        return value[: context["max_length"]]
    if kind in ("tuple_type", "string_type") and isinstance(value, (str, int, float)):
        return f"[{value}]" if kind == "tuple_type" else repr(str(value))
    return None if value is not None else default


class _Cut(str):
    """Text whose `repr` has no quotation marks."""

    def __repr__(self) -> str:
        return str(self)


def _short(value: Any) -> Any:
    return value if len(repr(value)) <= 80 else _Cut(f"{repr(value)[:77]}...")
