"""The source tree as a graph: modules, what they import, the rooms they stand in, and the floors of the rooms.

A module is a file; the `__init__` of a package is a module with the package's name. A room is the second level of the
tree: `tasks/kernels`, `flows/optimize.py`. An import counts wherever it stands: at the top, in a function, or for
the type checker alone.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOPS = ("tasks", "flows")
Graph = Mapping[str, Collection[str]]


@cache
def modules() -> dict[str, Path]:
    """Dotted name → file."""
    return {name_of(file): file for top in TOPS for file in sorted((ROOT / top).rglob("*.py"))}


def name_of(file: Path) -> str:
    """The dotted name of a module."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(file: Path) -> ast.Module:
    """A file, parsed."""
    return ast.parse(file.read_text(encoding="utf-8"))


def imported(file: Path) -> Iterator[str]:
    """The modules of the tree that a file imports; relative imports are not used here."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules())
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield from (name for name in (inner if inner in modules() else node.module,) if name in modules())


@cache
def imports() -> dict[str, set[str]]:
    """Module → the modules that it imports."""
    return {name: set(imported(file)) - {name} for name, file in modules().items()}


def room_of(name: str) -> str:
    """The room of a module, as a dotted name; the top packages are none: they answer with their own name."""
    return ".".join(name.split(".")[:2])


def rooms() -> dict[str, set[str]]:
    """Room → the rooms that it imports."""
    found: dict[str, set[str]] = {room_of(name): set() for name in modules() if name not in TOPS}
    for name, targets in imports().items():
        if name not in TOPS:
            found[room_of(name)] |= {room_of(target) for target in targets} - {room_of(name), *TOPS}
    return found


def circles(graph: Graph) -> list[list[str]]:
    """The groups of nodes that reach one another, each sorted."""
    reached = {node: reachable(node, graph) for node in graph}
    groups = {tuple(sorted(other for other in reached[node] if node in reached[other])) for node in graph}
    return sorted(list(group) for group in groups if len(group) > 1)


def reachable(start: str, graph: Graph) -> set[str]:
    """The nodes that can be reached from one, itself included."""
    found, due = {start}, [start]
    while due:
        new = set(graph[due.pop()]) - found
        found |= new
        due += new
    return found


def floors(graph: Graph) -> dict[str, int]:
    """Room → its floor, from 1: one above the highest that it imports. The graph has no circle."""

    @cache
    def floor(room: str) -> int:
        return 1 + max(map(floor, graph[room]), default=0)

    return {room: floor(room) for room in graph}


Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def functions() -> Iterator[tuple[str, Function]]:
    """(module, function) for every function and method."""
    for name, file in modules().items():
        yield from ((name, node) for node in ast.walk(tree_of(file)) if isinstance(node, Function))


def public_names() -> dict[str, list[str]]:
    """Public top-level function or class → the modules that define one of that name."""
    found: dict[str, list[str]] = {}
    for name, file in modules().items():
        for node in tree_of(file).body:
            if isinstance(node, Definition) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(name)
    return found
