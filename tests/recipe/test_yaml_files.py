"""YAML files: keys stand once, and dotted paths reach into mappings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.recipe.yaml_files import read_yaml, set_value
from tasks.core import InputError


def test_put_makes_mappings_but_no_list_places() -> None:
    content: dict[str, Any] = {"a": [1, {"b": 2}], "c": None}
    set_value(content, "a.1.b", 3)
    set_value(content, "c.d.e", 4)
    assert content == {"a": [1, {"b": 3}], "c": {"d": {"e": 4}}}
    for path in ("a.2", "a.-1", "a.x.b", "a.0.b"):
        with pytest.raises(InputError, match="goes through a"):
            set_value(content, path, 5)
    assert content == {"a": [1, {"b": 3}], "c": {"d": {"e": 4}}}


def test_a_key_that_stands_twice_is_refused_at_any_depth(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: {b: [{c: 1, d: 2, c: 3}]}\n")
    with pytest.raises(InputError, match=r"line 1: .*the key 'c' stands twice"):
        read_yaml(file)
    file.write_text("a: &x {b: 1}\nc: {<<: *x, b: 2}\n")
    assert read_yaml(file) == {"a": {"b": 1}, "c": {"b": 2}}
