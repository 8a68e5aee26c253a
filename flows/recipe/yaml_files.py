"""YAML files: reading them as plain data, and setting values at dotted paths."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from tasks.core import InputError, nearest_choice

KINDS = {list: "a list", type(None): "empty"}


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses repeated keys; YAML itself silently keeps the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping of a node. Raises MarkedYAMLError when a key is repeated."""
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        InputError: the file does not exist, cannot be read, is not valid YAML in UTF-8, or does not hold a mapping.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        beside = sorted(str(found) for found in path.parent.glob("*.y*ml"))
        choice = nearest_choice(str(path), beside) or ", ".join(beside) or None
        raise InputError("does not exist", file=str(path), nearest=choice) from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=str(path)) from None
    except UnicodeDecodeError:
        raise InputError("must be a text file in UTF-8", file=str(path)) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}" if mark else None
        law = f"is not valid YAML ({getattr(error, 'problem', error)})"
        raise InputError(law, file=str(path), path=line) from None
    if not isinstance(content, dict):
        law = f"must be a mapping of keys to values, but is {KINDS.get(type(content), repr(content))}"
        raise InputError(law, file=str(path))
    return content


def set_value(content: dict[str, Any], path: str, value: Any) -> None:
    """Sets the value at a dotted path, in place; missing mappings on the path are created.

    Raises:
        InputError: the path runs through something that is neither a mapping nor a list, or past a list's end.
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
        raise InputError("goes through a value that holds no others", path=path, value=place)


def _enter(place: Any, part: str, path: str) -> Any:
    if isinstance(place, list):
        return place[_index(place, part, path)]
    if not isinstance(place, dict):
        raise InputError("goes through a value that holds no others", path=path, value=place)
    if place.get(part) is None:
        place[part] = {}
    return place[part]


def _index(place: list[Any], part: str, path: str) -> int:
    if not part.isdigit() or int(part) >= len(place):
        last = len(place) - 1
        law = f"goes through a list with the places 0 to {last}" if place else "goes through a list that is empty"
        raise InputError(law, path=path, value=part, nearest=last if place else None)
    return int(part)
