"""Recommendation: the answer of a study as a recipe, each changed line with the figure behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from flows.recipe.points import put_point, value_at
from flows.recipe.schema import Recipe
from flows.study.study_outcome import Recommendation
from tasks.study.design import Cell
from tasks.study.verdicts import CellResult, TableResult

SUFFIX = "recommended"
INT8 = {"step": "int8"}


def recommend(asked: Recipe, tables: Sequence[TableResult]) -> tuple[Recommendation, ...]:
    """What of the recipe should be changed: the recommended cell of each table, and the branches that pay.

    Where two tables would change the same path, the one with the larger gain does, and all that the other's cell
    changes is left: an optimizer belongs to the learning rate that it was measured with.
    """
    rows = [(table, _row_of(table, table.recommended)) for table in tables if table.recommended is not None]
    plain = [(table, row) for table, row in rows if not row.cell.steps]
    found: list[Recommendation] = []
    for table, row in sorted(plain, key=lambda pair: -(pair[1].effect.value if pair[1].effect else 0.0)):
        changes = changes_of(row)
        if not any(_meet(path, known.path) for path in changes for known in found):
            why = f"{table.design.title}: {row.sentence}"
            differing = {path: value for path, value in changes.items() if value_at(asked, path) != value}
            found += [Recommendation(path, value, why) for path, value in differing.items()]
    branches = recommend_branches(tables)
    return (*found, *([branches] if branches else []))


def changes_of(row: CellResult) -> dict[str, Any]:
    """What a cell changes in the recipe, with the option that was chosen for it."""
    option = next((each for each in row.cell.options if _is_choice(each, row.choice)), {})
    return {**row.cell.values, **option}


def _is_choice(option: Mapping[str, Any], choice: str) -> bool:
    from flows.study.measuring import title_of

    return title_of(option) == choice


def _row_of(table: TableResult, cell: Cell) -> CellResult:
    return next(row for row in table.rows if row.cell == cell)


def _meet(path: str, known: str) -> bool:
    """Whether one of two paths is the other, or lies inside it."""
    return path == known or path.startswith(f"{known}.") or known.startswith(f"{path}.")


def recommend_branches(tables: Sequence[TableResult]) -> Recommendation | None:
    """The kept cells that are steps after the baseline, as branches: each alone, and each pruned one in int8, too."""
    branches, why = list[dict[str, Any]](), list[str]()
    kept = [(table, row) for table in tables for row in table.rows if row.keep and row.cell.steps]
    has_int8 = any(list(row.cell.steps) == [INT8] for _, row in kept)
    for table, row in kept:
        steps = [dict(step) for step in row.cell.steps]
        name = row.cell.name.replace(" ", "-")
        branches.append({"name": name, "steps": steps})
        why.append(f"{table.design.title}: {row.sentence}")
        if has_int8 and table.design.name == "pruning" and not _is_simple(steps):
            packed = [step for step in steps if step["step"] == "pack"]  # the last step, as it must be
            first = [step for step in steps if step not in packed]
            branches.append({"name": f"{name}-int8", "steps": [*first, INT8, *packed]})
    if not branches:
        return None
    return Recommendation("compress.branches", branches, "; ".join(why))


def _is_simple(steps: Sequence[Mapping[str, Any]]) -> bool:
    """Whether steps begin or end with a simple model, which has no int8."""
    return any(step["step"] in ("fit", "ensemble", "trees", "leaves") for step in steps)


def recommended_recipe(asked: Recipe, changes: Sequence[Recommendation]) -> Recipe:
    """The recipe with the recommended changes. Raises pydantic's ValidationError if they do not go together."""
    content = asked.model_dump(mode="json", exclude_unset=True)
    if any(change.path == "compress.branches" for change in changes):
        content.pop("compress", None)
    content = put_point(content, {change.path: change.value for change in changes})
    content.pop("study", None)
    return Recipe.model_validate(content)


def recipe_text(recipe: Recipe, changes: Sequence[Recommendation]) -> str:
    """The recipe as YAML, with a comment above each section that says what was changed in it and why."""
    content = recipe.model_dump(mode="json", exclude_unset=True)
    lines = [f"# paredown optimize {recipe.name}.{SUFFIX}.yaml"]
    for section, value in content.items():
        for change in changes:
            if change.path.split(".")[0] == section:
                lines.append(f"# {change.path}: {change.why}")
        lines.append(yaml.safe_dump({section: value}, sort_keys=False, allow_unicode=True, width=110).rstrip())
    return "\n".join(lines) + "\n"
