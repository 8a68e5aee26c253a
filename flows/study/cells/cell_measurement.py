"""Cell measurement: a round of a table: its reference and open cells, with one seed, paired on the same examples."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence

from flows.study.cells.file_comparison import compare_files
from flows.study.cells.made_cell import Made, make_cell, plain_values
from flows.study.cells.second_process import SecondProcess
from flows.study.cells.speed import time_cells
from flows.study.study_context import Study
from tasks.core import InputError, Refusal, digest_of
from tasks.core.errors import in_one_line
from tasks.study.design import Cell, Design
from tasks.study.effects import Measured
from tasks.study.training_pace import at_one_pace


def measure_round(
    design: Design, cells: Sequence[Cell], seed: int, study: Study, second: SecondProcess | None = None
) -> list[Measured]:
    """What the cells of a table are with one seed.

    Args:
        design: the table; its reference is measured, too, and comes first.
        cells: the cells that are measured beside it.
        seed: counted from 0; it is added to the recipe's.
        study: the study.
        second: a process that makes cells beside this one, if there is one.
    """
    started = time.monotonic()
    wanted = (design.reference, *(cell for cell in cells if cell.name != design.reference.name))
    if design.kind == "speed":
        found = time_cells(wanted, seed, study)
    else:
        found = score_cells(design, make_cells(wanted, seed, study, second), seed, study)
    spent = (time.monotonic() - started) / len(found)
    return [dataclasses.replace(each, spent=spent) for each in found]


def make_cells(cells: Sequence[Cell], seed: int, study: Study, second: SecondProcess | None) -> dict[str, Made | str]:
    """Each cell by its name: what was made, or why it cannot be made.

    Raises:
        Refusal: the first cell, with which all others are compared, cannot be made.
        InputError: the recipe does not take the first cell's values.
    """
    outcomes = {
        cell.name: try_cell(cell, seed, study, is_needed=cell is cells[0]) for cell in cells_here(cells, seed, second)
    }
    # What the second process made is in the store.
    return {
        cell.name: outcomes.get(cell.name) or try_cell(cell, seed, study, is_needed=cell is cells[0]) for cell in cells
    }


def cells_here(cells: Sequence[Cell], seed: int, second: SecondProcess | None) -> Iterator[Cell]:
    """The cells that this process makes, while the second one makes the others; all of them where there is none."""
    if second is None or any(map(has_search, cells)):
        yield from cells
        return
    for together in turns_of(cells):
        yield from second.share(together, seed) if len(together) > 1 else together


def turns_of(cells: Sequence[Cell]) -> tuple[list[Cell], list[Cell]]:
    """The cells that each have a training of their own, and after these the cells that share a training with one."""
    first: dict[str, Cell] = {}
    for cell in cells:
        training = [plain_values(cell.values), plain_values(cell.options), cell.train_share, cell.without_suspects]
        first.setdefault(digest_of(training), cell)
    names = {cell.name for cell in first.values()}
    return [*first.values()], [cell for cell in cells if cell.name not in names]


def try_cell(cell: Cell, seed: int, study: Study, is_needed: bool) -> Made | str:
    """What was made of a cell, or why it cannot be made, which is raised where the cell is needed."""
    try:
        return make_cell(cell, seed, study)
    except (Refusal, InputError) as reason:
        if is_needed:
            raise
        return in_one_line(reason).removeprefix("InputError: ")


def has_search(cell: Cell) -> bool:
    """Whether a cell is a search, which uses all cores by itself."""
    return any(path == "search" or path.startswith("search.") for path in cell.values)


def score_cells(design: Design, outcomes: Mapping[str, Made | str], seed: int, study: Study) -> list[Measured]:
    """What was made of each cell, scored side by side. A cell that cannot be made is said to be refused."""
    made = {name: each for name, each in outcomes.items() if isinstance(each, Made)}
    measured = compare_files(design, {name: each.file for name, each in made.items()}, seed, study)
    found = []
    for name, each in outcomes.items():
        if isinstance(each, str):
            found.append(Measured(name, seed, refusal=each))
        else:
            file = measured[name]
            found.append(dataclasses.replace(file, choice=each.choice, curve=each.curve, seconds=each.seconds))
    return at_one_pace(found) if design.has_one_pace else found
