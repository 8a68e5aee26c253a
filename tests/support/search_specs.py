"""Search specs: a space with conditions in two levels, and a search over any space."""

from __future__ import annotations

from typing import Any

from tasks.search.search_spec import Search

TREE: dict[str, Any] = {
    "momentum": {"choice": [0.5, 0.9], "when": {"optimizer": "sgd"}},
    "nesterov": {"choice": [True, False], "when": {"optimizer": ["sgd"], "momentum": 0.9}},
    "optimizer": {"choice": ["sgd", "adam"]},
    "width": {"quantized": [8, 24, 8]},
}


def search_of(space: dict[str, Any] = TREE, **changes: Any) -> Search:
    """A search of defaults, but for its space and `changes`."""
    return Search.model_validate({"space": space, **changes})
