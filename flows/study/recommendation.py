"""Recommendation: the answer of a study as a recipe, each changed line with the figure behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from flows.recipe.default_branches import branches_of
from flows.recipe.points import put_point, value_at
from flows.recipe.schema import Recipe
from flows.study.study_context import branch_name, title_of
from flows.study.study_outcome import Recommendation
from tasks.compression.branch import Branch
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
    branches = recommend_branches(asked, tables)
    return (*found, *([branches] if branches else []))


def changes_of(row: CellResult) -> dict[str, Any]:
    """What a cell changes in the recipe, with the option that was chosen for it."""
    option = next((each for each in row.cell.options if title_of(each) == row.choice), {})
    return {**row.cell.values, **option}


def _row_of(table: TableResult, cell: Cell) -> CellResult:
    return next(row for row in table.rows if row.cell == cell)


def _meet(path: str, known: str) -> bool:
    """Whether one of two paths is the other, or lies inside it."""
    return path == known or path.startswith(f"{known}.") or known.startswith(f"{path}.")


def recommend_branches(asked: Recipe, tables: Sequence[TableResult]) -> Recommendation | None:
    """The recipe's branches, or its default ones, with the kept cells that are steps after the baseline added.

    Those of the recipe stay, since the study has not measured them: the best of all is for `optimize` to find. None
    where the recipe has all that were kept.
    """
    own = branches_of(asked).branches
    new, why = list[Branch](), list[str]()
    kept = [(table, row) for table in tables for row in table.rows if row.keep and row.cell.steps]
    for table, row in kept:
        made = branches_of_cell(table, row.cell, has_int8(tables))
        unknown = [each for each in made if not _is_known(each, (*own, *new))]
        new += [_named_apart(each, (*own, *new)) for each in unknown]
        why += [f"{table.design.title}: {row.sentence}"] if unknown else []
    if not new:
        return None
    branches = [each.model_dump(mode="json", exclude_unset=True) for each in (*own, *new)]
    return Recommendation("compress.branches", branches, "; ".join(why))


def has_int8(tables: Sequence[TableResult]) -> bool:
    """Whether int8 was kept."""
    return any(list(row.cell.steps) == [INT8] for table in tables for row in table.rows if row.keep)


def branches_of_cell(table: TableResult, cell: Cell, in_int8: bool) -> list[Branch]:
    """A cell's steps as a branch, and those of a pruned network in int8, too."""
    steps = [dict(step) for step in cell.steps]
    name = branch_name(cell)
    found = [{"name": name, "steps": steps}]
    if in_int8 and table.design.name == "pruning" and not _is_simple(steps):
        packed = [step for step in steps if step["step"] == "pack"]  # the last step, as it must be
        first = [step for step in steps if step not in packed]
        found.append({"name": f"{name}-int8", "steps": [*first, INT8, *packed]})
    return [Branch.model_validate(each) for each in found]


def _is_known(branch: Branch, known: Sequence[Branch]) -> bool:
    return any(branch.steps == each.steps for each in known)


def _named_apart(branch: Branch, known: Sequence[Branch]) -> Branch:
    """The branch with a name that none of the others has."""
    names = {each.name for each in known}
    free = next(name for count in range(len(names) + 1) if (name := branch.name + "-study" * count) not in names)
    return branch.model_copy(update={"name": free})


def _is_simple(steps: Sequence[Mapping[str, Any]]) -> bool:
    """Whether steps begin or end with a simple model, which has no int8."""
    return any(step["step"] in ("fit", "ensemble", "trees", "leaves") for step in steps)


def recommended_recipe(asked: Recipe, changes: Sequence[Recommendation]) -> Recipe:
    """The recipe with the recommended changes. Raises pydantic's ValidationError if they do not go together."""
    content = asked.model_dump(mode="json", exclude_unset=True)
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
